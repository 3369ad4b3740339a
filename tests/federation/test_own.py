import pytest

from eilogin.saml import bindings


def test_addresses_are_below_the_prefix(make_own):
    assert make_own().url("acs") == "https://uwv.test/eilogin/acs"


def test_servers_are_sent_to_the_back_channel(make_own):
    assert make_own().url("slo_soap") == "https://back.uwv.test:8443/eilogin/slo/soap"
    assert make_own().url("slo") == "https://uwv.test/eilogin/slo"


def test_paths_lead_to_addresses(make_own):
    assert make_own().by_path["/eilogin/acs"] == "acs"
    assert make_own("hub").by_path["/sso"] == "sso"
    assert make_own("hub").by_path["/"] == "home"


@pytest.mark.parametrize(
    ("acs", "first"), [("artifact", bindings.ARTIFACT), ("post", bindings.POST)]
)
def test_a_participant_prefers_the_answers_that_it_asks_for(make_own, acs, first):
    role = make_own(acs=acs).descriptor().service_provider
    assert role.consumer().binding == first
    assert {e.binding for e in role.assertion_consumers} == {
        bindings.ARTIFACT,
        bindings.POST,
    }


def test_a_participant_is_no_identity_provider(make_own):
    descriptor = make_own().descriptor()
    assert descriptor.identity_provider is None
    assert descriptor.service_provider.want_assertions_signed
    assert descriptor.service_provider.authn_requests_signed


def test_a_hub_is_no_service_provider(make_own):
    descriptor = make_own("hub").descriptor()
    assert descriptor.service_provider is None
    role = descriptor.identity_provider
    assert role.single_sign_on(bindings.REDIRECT).location == "https://uwv.test/sso"
    assert role.artifact_resolution(0).location == "https://back.uwv.test:8443/artifact"


def test_says_what_people_want_to_know(make_own):
    own = make_own(
        descriptions={"nl": "Uitkeringen"}, telephone="+31 88 000", email="h@uwv.test"
    )
    descriptor = own.descriptor()
    assert descriptor.name("en") == "Employee Insurance Agency"
    assert descriptor.description("nl") == "Uitkeringen"
    assert descriptor.information_url("nl") == "https://uwv.test/"
    (contact,) = descriptor.contacts
    assert (contact.kind, contact.telephone) == ("support", "+31 88 000")


def test_names_nobody_to_ask_where_there_is_nobody(make_own):
    assert make_own().descriptor().contacts == ()


def test_a_pseudonym_stands_for_a_citizen_and_only_we_can_make_it(make_own, operator):
    pseudonym = make_own().pseudonym("900000016")
    assert pseudonym == make_own().pseudonym("900000016")
    assert pseudonym != make_own().pseudonym("900000028")
    assert pseudonym != make_own(key=operator).pseudonym("900000016")
    assert len(pseudonym) == 16


def test_what_seals_our_cookies_is_what_we_are_told_or_made_of_our_key(
    make_own, operator
):
    own = make_own(secrets=(b"new", b"old"))
    assert own.sealing_secrets == (b"new", b"old")
    assert "old" not in repr(own)
    (made,) = make_own().sealing_secrets
    assert [made] == [*make_own().sealing_secrets]
    assert [made] != [*make_own(key=operator).sealing_secrets]


def test_a_citizen_keeps_her_pseudonym_when_a_secret_changes(make_own):
    assert make_own(secrets=(b"new",)).pseudonym("x") == make_own().pseudonym("x")
