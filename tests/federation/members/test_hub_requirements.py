"""What the metadata of a hub must have, and what is worth a word."""

from dataclasses import replace

import pytest
import time_machine

from eilogin import clock
from eilogin.errors import (
    AlgorithmMissing,
    BindingMissing,
    ConfigurationError,
    HubUnknown,
    MetadataExpired,
    PeerWithoutKeys,
)
from eilogin.federation import Membership
from eilogin.federation.local.profiles import DIGID_PROFILE
from eilogin.federation.members import hub_requirements
from eilogin.saml import bindings
from eilogin.saml.metadata import Contact, Endpoint, FederationMetadata
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_signatures import SHA256

RSA_SHA512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
HUB, TWO = "https://hub.test/metadata", "https://two.test/metadata"


@pytest.fixture
def make_hub(make_own):
    """A hub's metadata, with changes to its role."""

    def make(entity_id=HUB, contacts=(), **changes):
        own = make_own("hub", entity_id=entity_id, public_url="https://hub.test")
        descriptor = own.descriptor()
        role = replace(descriptor.identity_provider, **changes)
        return replace(descriptor, identity_provider=role, contacts=contacts)

    return make


def federation_of(*members, **facts):
    return Membership(FederationMetadata(members, None, "", None, **facts))


class TestOurHubs:
    def test_are_the_only_one_where_none_is_named(self, make_own, make_hub):
        federation = federation_of(make_hub(), make_own().descriptor())
        assert hub_requirements.our_hubs(make_own(), (), federation) == (HUB,)

    def test_are_those_that_are_named_in_their_order(self, make_own, make_hub):
        federation = federation_of(make_hub(), make_hub(TWO))
        assert hub_requirements.our_hubs(make_own(), (TWO, HUB), federation) == (
            TWO,
            HUB,
        )
        assert hub_requirements.our_hubs(make_own(), (TWO,), federation) == (TWO,)

    def test_may_be_all_of_them(self, make_own, make_hub):
        federation = federation_of(make_hub(), make_own().descriptor(), make_hub(TWO))
        assert hub_requirements.our_hubs(make_own(), ("all",), federation) == (HUB, TWO)

    def test_must_be_named_where_there_are_more(self, make_own, make_hub):
        federation = federation_of(make_hub(), make_hub(TWO))
        with pytest.raises(HubUnknown, match=r"more than one hub \(2\).*or to 'all'"):
            hub_requirements.our_hubs(make_own(), (), federation)

    @pytest.mark.parametrize("how", ["expired", "left out"])
    def test_are_not_another_one_once_ours_is_lost(self, make_own, make_hub, how):
        members, left_out = [make_hub(TWO), make_own().descriptor()], {}
        if how == "expired":
            members.append(replace(make_hub(), valid_until=clock.now() - 3600))
        else:
            left_out[HUB] = PeerWithoutKeys("no key at all")
            left_out[HUB].is_hub = True
        federation = federation_of(*members, left_out=left_out)
        told = rf"more than one hub \(2\), of which '{HUB}' cannot be used now.*'all'"
        with pytest.raises(HubUnknown, match=told):
            hub_requirements.our_hubs(make_own(), (), federation)
        assert hub_requirements.our_hubs(make_own(), (TWO,), federation) == (TWO,)
        assert hub_requirements.our_hubs(make_own(), ("all",), federation) == (TWO,)

    @pytest.mark.parametrize("said", [(), ("all",)])
    def test_must_be_there(self, make_own, said):
        federation = federation_of(make_own().descriptor())
        told = (
            r"^has no hub \(IDPSSODescriptor\), but 1 participant; expected a hub\."
            r" Ask the operator$"
        )
        with pytest.raises(HubUnknown, match=told):
            hub_requirements.our_hubs(make_own(), said, federation)

    def test_that_are_left_out_are_told_with_the_reason(self, make_own):
        left_out = {HUB: PeerWithoutKeys("no key at all")}
        federation = federation_of(make_own().descriptor(), left_out=left_out)
        with pytest.raises(PeerWithoutKeys, match="no usable hub: no key at all"):
            hub_requirements.our_hubs(make_own(), (), federation)
        with pytest.raises(PeerWithoutKeys, match="no key at all"):
            hub_requirements.our_hubs(make_own(), (HUB,), federation)

    def test_must_be_members(self, make_own, make_hub):
        federation = federation_of(make_hub())
        told = rf"not a member.*did you mean '{HUB}'\?.*hubs: {HUB}"
        with pytest.raises(HubUnknown, match=told):
            hub_requirements.our_hubs(
                make_own(), ("https://hub.test/metadat",), federation
            )

    def test_must_be_hubs(self, make_own, make_hub):
        federation = federation_of(make_hub(), make_own().descriptor())
        with pytest.raises(HubUnknown, match="is not a hub of this federation"):
            hub_requirements.our_hubs(make_own(), (make_own().entity_id,), federation)

    def test_must_be_valid_still(self, make_own, make_hub):
        over = replace(make_own(entity_id="x").descriptor(), valid_until=1.0)
        federation = federation_of(over, replace(make_hub(), valid_until=1.0))
        told = (
            rf"the hub '{HUB}' expired at 1970-01-01T00:00:01Z, and the time here is"
            rf" 20"
        )
        for said in ((HUB,), (), ("all",)):
            with pytest.raises(MetadataExpired, match=told):
                hub_requirements.our_hubs(make_own(), said, federation)


class TestAHubThatLacksABinding:
    def test_for_questions_is_refused(self, make_own, make_hub):
        soap = (Endpoint(bindings.SOAP, "https://hub.test/sso"),)
        hub = make_hub(
            single_sign_ons=soap, contacts=(Contact("support", email="h@hub.test"),)
        )
        told = (
            rf"'{HUB}' accepts no AuthnRequest by Redirect or POST"
            r" \(SingleSignOnService: SOAP\); ask h@hub\.test for metadata"
        )
        with pytest.raises(BindingMissing, match=told):
            hub_requirements.our_hubs(make_own(), (), federation_of(hub))

    @pytest.mark.parametrize("binding", [bindings.REDIRECT, bindings.POST])
    def test_is_none_with_one_of_two(self, make_own, make_hub, binding):
        hub = make_hub(single_sign_ons=(Endpoint(binding, "https://hub.test/sso"),))
        assert hub_requirements.our_hubs(make_own(), (), federation_of(hub)) == (HUB,)

    def test_for_artifacts_is_refused_where_we_want_them(self, make_own, make_hub):
        federation = federation_of(make_hub(artifact_resolutions=()))
        told = (
            r"\(ArtifactResolutionService: none\).*'acs = post', or ask the"
            r" administrator of"
        )
        with pytest.raises(BindingMissing, match=told):
            hub_requirements.our_hubs(make_own(acs="artifact"), (), federation)
        assert hub_requirements.our_hubs(make_own(acs="post"), (), federation) == (HUB,)

    def test_for_artifacts_has_no_way_around_it_at_digid(self, make_own, make_hub):
        federation = federation_of(make_hub(artifact_resolutions=()))
        with pytest.raises(
            BindingMissing, match="'acs' is 'artifact'; ask the administrator of"
        ):
            hub_requirements.our_hubs(make_own(profile=DIGID_PROFILE), (), federation)


class TestAHubThatTakesOtherAlgorithms:
    def test_than_we_have_is_refused(self, make_own, make_hub):
        hub = replace(make_hub(), signing_methods=("urn:x-test:a", "urn:x-test:b"))
        told = (
            rf"the hub '{HUB}': .*lists the signature algorithms urn:x-test:a,"
            r" urn:x-test:b; expected one of http\S*#rsa-sha256, .*Ask its"
            r" administrator"
        )
        with pytest.raises(AlgorithmMissing, match=told) as refused:
            hub_requirements.our_hubs(make_own(), (), federation_of(hub))
        assert isinstance(refused.value, ConfigurationError)

    def test_beside_one_that_we_have_is_none(self, make_own, make_hub):
        methods = ("urn:x-test:a", RSA_SHA512)
        hub = replace(make_hub(), signing_methods=methods, digest_methods=(SHA256,))
        assert hub_requirements.our_hubs(make_own(), (), federation_of(hub)) == (HUB,)


class TestRemarks:
    def of(self, own, *members, **facts):
        federation = federation_of(*members, **facts)
        return list(hub_requirements.remarks(own, federation, federation.hubs))

    def test_are_none_where_all_is_well(self, make_own, make_hub):
        assert self.of(make_own(), make_hub(), make_own().descriptor()) == []

    def test_tell_where_single_logout_is_impossible(self, make_own, make_hub):
        artifact = (Endpoint(bindings.ARTIFACT, "https://hub.test/slo"),)
        (remark,) = self.of(make_own(), make_hub(single_logouts=artifact))
        assert remark.code == "logout-impossible"
        assert "(SingleLogoutService: HTTP-Artifact)" in remark.text
        assert str(remark).startswith("hub: single logout is impossible: the hub '")

    def test_tell_a_participant_of_its_hubs_that_have_expired(
        self, make_own, make_hub, key
    ):
        after = key.certificate.not_valid_after_utc.timestamp() + 1
        with time_machine.travel(after, tick=False):
            (remark,) = self.of(make_own(), make_hub(), make_own().descriptor())
        assert remark.code == "certificate-expired"
        ended = key.certificate.not_valid_after_utc
        assert f"'{HUB}' expired at {ended:%Y-%m-%dT%H:%M:%S}Z" in remark.text
        assert "ask the administrator of" in remark.text

    @pytest.mark.parametrize(("days", "says"), [(59, "in 58 days"), (6, "in 5 days")])
    def test_tell_of_one_that_ends_soon(self, make_own, make_hub, key, days, says):
        before = key.certificate.not_valid_after_utc.timestamp() - days * 86400 + 1
        with time_machine.travel(before, tick=False):
            (remark,) = self.of(make_own(), make_hub(), make_own().descriptor())
        assert remark.code == "certificate-ends"
        assert f"a certificate of '{HUB}' ends at" in remark.text
        assert says in remark.text

    def test_do_not_tell_of_one_that_another_follows(self, make_own, make_hub, key):
        ends = key.certificate.not_valid_after_utc.timestamp()
        later = SigningKey.load(*new_key_pair("later", begins=ends - 400 * 86400))
        hub = make_hub(
            signing_certificates=(key.certificate_text, later.certificate_text)
        )
        with time_machine.travel(ends - 86400, tick=False):
            assert self.of(make_own(), hub, make_own().descriptor()) == []
            federation = federation_of(hub, make_own().descriptor())
            (ending,) = hub_requirements.endings(federation, federation.hubs)
        after = later.certificate.not_valid_after_utc.timestamp()
        assert (ending.peer, ending.ends) == (HUB, after)

    def test_tell_a_hub_of_its_participants(self, make_own, make_hub, key):
        after = key.certificate.not_valid_after_utc.timestamp() + 1
        with time_machine.travel(after, tick=False):
            (remark,) = self.of(make_own("hub"), make_hub(), make_own().descriptor())
        assert make_own().entity_id in remark.text

    def test_tell_of_a_certificate_that_is_not_valid_yet(self, make_own, make_hub, key):
        begins = key.certificate.not_valid_before_utc
        with time_machine.travel(begins.timestamp() - 1, tick=False):
            (remark,) = self.of(make_own(), make_hub(), make_own().descriptor())
        assert remark.code == "certificate-begins"
        told = (
            f"'{HUB}' is not valid before {begins:%Y-%m-%dT%H:%M:%S}Z: eilogin trusts"
            " its key"
        )
        assert told in remark.text
        assert "ask the administrator of" in remark.text

    def test_tell_who_plays_digid_whom_it_refuses_for_that(
        self, make_own, make_hub, key
    ):
        own = make_own("hub", profile=DIGID_PROFILE)
        after = key.certificate.not_valid_after_utc.timestamp() + 1
        with time_machine.travel(after, tick=False):
            (remark,) = self.of(own, make_hub(), make_own().descriptor())
        assert (
            "as DigiD does, this hub rejects its messages with status 404; ask the"
            " administrator"
        ) in remark.text

    def test_tell_what_was_passed_over_and_not_without_end(self, make_own, make_hub):
        left_out = {"x": PeerWithoutKeys("no key")}
        texts = tuple(f"number {n}" for n in range(30))
        found = self.of(make_own(), make_hub(), left_out=left_out, remarks=texts)
        assert {remark.code for remark in found} == {"metadata-passed-over"}
        assert [remark.text for remark in found] == [
            "left out (peer-without-keys): no key",
            *texts[:19],
            "and 11 more",
        ]
