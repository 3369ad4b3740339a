from dataclasses import replace

import pytest

from eilogin.errors import (
    DecryptionFailed,
    MessageExpired,
    MessageMisdirected,
    NotFound,
    PeerUnavailable,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.federation import Membership, Trust
from eilogin.federation.local.local_keys import OwnKey
from eilogin.http_client import BackChannel
from eilogin.saml.metadata import EntityDescriptor, FederationMetadata, IdentityProvider
from eilogin.saml.signing_keys import fingerprints

HUB, UWV = "https://hub.test/metadata", "https://uwv.test/eilogin/metadata"


@pytest.fixture
def make_trust(make_own):
    def make(hub_id=HUB, *more):
        hub = make_own("hub", entity_id=HUB, public_url="https://hub.test")
        members = (hub.descriptor(), make_own().descriptor(), *more)
        federation = Membership(FederationMetadata(members, None, "", None))
        return Trust(make_own(), federation, BackChannel(), (hub_id,))

    return make


def test_knows_the_hub_and_where_it_takes_questions(make_trust):
    assert make_trust().hub(HUB).single_sign_ons[0].location == "https://hub.test/sso"


def test_a_hub_that_is_none_is_refused(make_trust):
    with pytest.raises(
        UnknownPeer, match="not an identity provider: ask the administrator of"
    ):
        make_trust(UWV).hub(UWV)


def test_only_our_hub_has_keys(make_trust, key):
    assert [k.public_numbers() for k in make_trust().hub_peer(HUB).keys] == [
        key.public.public_numbers()
    ]
    told = rf"not a hub of.*'hub' names \({HUB}\)\. Ask the author"
    with pytest.raises(UnknownPeer, match=told):
        make_trust().hub_peer(UWV)


def test_names_no_more_than_three_of_our_hubs(make_trust):
    trust = replace(make_trust(), hub_ids=tuple(f"urn:{n}" for n in range(4)))
    with pytest.raises(UnknownPeer, match=r"names \(urn:0, urn:1, urn:2, …\)"):
        trust.hub(UWV)


def test_says_who_was_perhaps_meant_by_a_name_that_nobody_has(make_trust):
    told = rf"is not a member .*; did you mean '{UWV}'\? If it should be one, add"
    with pytest.raises(UnknownPeer, match=told):
        make_trust().participant(f"{UWV}x")
    with pytest.raises(UnknownPeer, match="did you mean"):
        make_trust(f"{HUB}x").hub(f"{HUB}x")


def test_only_participants_have_keys_at_the_hub(make_trust):
    assert make_trust().participant(UWV).keys
    with pytest.raises(
        UnknownPeer, match="not a service provider: ask the administrator of"
    ):
        make_trust().participant(HUB)


def test_signs_for_a_peer_in_its_role_as_that_wants_it(make_trust, key):
    sha512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
    other = EntityDescriptor(
        entity_id="x", identity_provider=IdentityProvider(signing_methods=(sha512,))
    )
    trust = replace(make_trust(HUB, other), hub_ids=(HUB, "x"))
    assert trust.key_for(trust.hub_peer(HUB)).private is key.private
    assert trust.key_for(trust.hub_peer("x")).method == sha512


@pytest.mark.parametrize(
    ("entity_id", "whom"),
    [
        (HUB, f"ask the administrator of '{HUB}'"),
        ("urn:gone", "'urn:gone' is not in our metadata"),
    ],
)
def test_says_whom_to_ask_of_anybody(make_trust, entity_id, whom):
    assert make_trust().whom_to_ask(entity_id).startswith(whom)


class TestWhatALogSaysOfARefusal:
    @staticmethod
    def told(trust, error, peer=HUB):
        error.peer = peer
        return trust.about(error)

    def test_is_whom_to_ask(self, make_trust):
        told = self.told(make_trust(), MessageMisdirected())
        assert (
            told == f"it came in the name of '{HUB}'; ask the administrator of '{HUB}'"
        )

    def test_is_which_keys_the_metadata_has(self, make_trust, key):
        told = self.told(make_trust(), UntrustedSignature())
        named = fingerprints(key.certificate_text)
        assert f"its metadata has 1 certificate ({named})" in told
        assert told.endswith(
            f"get its newest metadata, or ask the administrator of '{HUB}'"
        )

    def test_is_which_keys_a_participants_metadata_has(self, make_trust, make_own):
        from_hub = replace(make_trust(), own=make_own("hub"))
        told = self.told(from_hub, UntrustedSignature(), UWV)
        assert "its metadata has 1 certificate (SHA-1 " in told

    def test_is_the_first_of_many_keys(self, make_trust, key_of):
        many = tuple(key_of(f"key {i}").certificate_text for i in range(4))
        role = IdentityProvider(signing_certificates=(*many, many[0]))
        other = EntityDescriptor(entity_id="x", identity_provider=role)
        told = self.told(make_trust(HUB, other), UntrustedSignature(), "x")
        assert "its metadata has 4 certificates (" in told
        assert [fingerprints(text) in told for text in many] == [True] * 3 + [False]
        assert "; …)" in told

    @pytest.mark.parametrize(
        ("peer", "says"),
        [
            (UWV, "its metadata has no certificate for signing"),
            ("https://gone.test/", "our metadata does not have it (any more)"),
        ],
    )
    def test_is_that_there_is_no_key(self, make_trust, peer, says):
        assert says in self.told(make_trust(), UntrustedSignature(), peer)

    def test_is_the_same_where_nothing_is_said_to_who_sent_it(self, make_trust):
        nothing = NotFound()
        nothing.__cause__ = UntrustedSignature()
        assert "its metadata has 1 certificate (" in self.told(make_trust(), nothing)

    def test_is_who_does_not_answer(self, make_trust):
        told = self.told(make_trust(), PeerUnavailable())
        assert told == f"it is of '{HUB}'; ask the administrator of '{HUB}'"

    def test_is_which_key_of_ours_to_encrypt_for(self, make_own, make_trust, key_of):
        ours = key_of("to encrypt for")
        trust = replace(make_trust(), own=make_own(keys=(OwnKey.of(ours),)))
        told = self.told(trust, DecryptionFailed())
        assert (
            f"our metadata has 1 certificate ({fingerprints(ours.certificate_text)})"
        ) in told
        assert told.endswith("and send our newest metadata")

    def test_is_that_a_clock_may_be_off(self, make_trust):
        told = self.told(make_trust(), MessageExpired())
        assert f"set the clock here (NTP), or ask the administrator of '{HUB}'" in told
