"""A hub is asked whether it knows a key of ours."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from eilogin.errors import PeerUnavailable
from eilogin.federation import Membership
from eilogin.http_client import PeerResponse
from eilogin.participant.login.hub_key_probe import HubKeyProbe
from eilogin.saml.metadata import FederationMetadata
from eilogin.saml.signing_keys import SigningKey, new_key_pair

HUB = "https://inloggen.test/metadata"


@cache
def curve_key():
    private = ec.generate_private_key(ec.SECP256R1())
    return SigningKey.load(*new_key_pair("curve", private=private))


@pytest.fixture
def trust(federation):
    return federation.trusts["uwv.test"]


@pytest.fixture
def asked_of(trust):
    """A hub that answers with these statuses, one after another; what it was asked."""

    def make(*statuses):
        came = []

        def get(url, accept, *, longest):
            came.append(url)
            status = statuses[len(came) - 1]
            if isinstance(status, Exception):
                raise status
            return PeerResponse(status, "", "text/html", b"", None)

        channel = SimpleNamespace(get=get)
        return HubKeyProbe(replace(trust, back_channel=channel), HUB), came

    return make


class TestOurHub:
    def test_takes_what_a_key_signs_that_its_metadata_names(self, trust):
        finding = HubKeyProbe(trust, HUB).knows(trust.own.key)
        assert finding.is_known is True
        assert finding.text == f"'{HUB}' accepts its signature"

    def test_refuses_another_one_and_any_of_another_kind(self, trust, attacker_key):
        hub = HubKeyProbe(trust, HUB)
        for key in (attacker_key, curve_key()):
            finding = hub.knows(key)
            assert finding.is_known is False
            assert "rejects its signature (status 400), as it rejects" in (finding.text)

    def test_logs_nobody_in_for_it_and_asks_nobody(self, federation, trust, events):
        HubKeyProbe(trust, HUB).knows(trust.own.key)
        outcomes = [(e["code"], e["outcome"], e["reason"]) for e in events()]
        assert ("login", "refused", "NoPassive") in outcomes
        assert {outcome for _, outcome, _ in outcomes} == {"refused"}

    def test_of_digid_is_asked_as_digid_wants_it(self, eilogin_federation, witness):
        made = eilogin_federation(
            {"uwv.test": witness},
            options={"uwv.test": {"profile": "digid"}},
            hub_options={"profile": "digid"},
        )
        trust = made.trusts["uwv.test"]
        assert HubKeyProbe(trust, HUB).knows(trust.own.key).is_known is True

    def test_that_does_not_answer_is_not_known_to_know_it(self, federation, trust):
        federation.down.add("inloggen.test")
        finding = HubKeyProbe(trust, HUB).knows(trust.own.key)
        assert finding.is_known is None
        assert "' knows it: https://inloggen.test/sso" in finding.text


class TestAnotherHub:
    @pytest.mark.parametrize(
        ("statuses", "is_known"),
        [
            ((404, 302), True),
            ((404, 200), True),
            ((500, 303), True),
            ((404, 404), False),
            ((500, 500), False),
            ((403, 400), False),
        ],
    )
    def test_knows_it_where_it_takes_it_and_no_strangers(
        self, asked_of, trust, statuses, is_known
    ):
        hub, came = asked_of(*statuses)
        assert hub.knows(trust.own.key).is_known is is_known
        stranger, ours = came
        assert stranger != ours

    def test_that_takes_a_strangers_is_asked_no_more(self, asked_of, trust):
        hub, came = asked_of(302)
        for _ in range(2):
            finding = hub.knows(trust.own.key)
            assert finding.is_known is None
            assert "verifies no signatures" in finding.text
        assert len(came) == 1

    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    def test_that_cannot_look_now_has_said_nothing(self, asked_of, trust, status):
        for statuses in ((status,), (404, status)):
            hub, _ = asked_of(*statuses)
            finding = hub.knows(trust.own.key)
            assert finding.is_known is None
            assert f"the hub answered with status {status}" in finding.text

    def test_that_does_not_answer_has_said_nothing(self, asked_of, trust):
        hub, _ = asked_of(404, PeerUnavailable("it did not answer within 5 s"))
        assert hub.knows(trust.own.key).is_known is None

    def other(self, trust, **changes):
        """The same, of a hub whose metadata is otherwise."""
        entity = trust.federation.entity(HUB)
        role = replace(entity.identity_provider, **changes.pop("role", {}))
        entity = replace(entity, identity_provider=role, **changes)
        metadata = FederationMetadata((entity,), None, "", None)
        return replace(trust, federation=Membership(metadata))

    def test_without_an_address_for_it_cannot_be_asked(self, trust):
        without = self.other(trust, role={"single_sign_ons": ()})
        finding = HubKeyProbe(without, HUB).knows(trust.own.key)
        assert finding.is_known is None
        assert "accepts no AuthnRequest by HTTP-Redirect (none)" in finding.text

    def test_that_takes_no_signature_by_it_does_not_know_it(self, trust):
        rsa = ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",)
        finding = HubKeyProbe(self.other(trust, signing_methods=rsa), HUB).knows(
            curve_key()
        )
        assert finding.is_known is False
        assert "accepts none of the key's algorithms: " in finding.text
