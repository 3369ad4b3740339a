"""What differs between two states of a federation, in words, and what of it waits."""

import hashlib
import re
from dataclasses import fields, replace
from typing import get_args, get_type_hints

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from eilogin import clock
from eilogin.errors import PeerWithoutKeys
from eilogin.federation import Membership
from eilogin.federation.changes import federation_changes as changing
from eilogin.federation.changes.federation_changes import (
    ApprovalRules,
    changes_for,
    compare,
    id_of,
)
from eilogin.federation.changes.source_changes import parts_of
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.state.state_records import Source
from eilogin.saml import bindings
from eilogin.saml.metadata import (
    AttributeService,
    Contact,
    Endpoint,
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
    Logo,
    ServiceProvider,
)
from eilogin.saml.signing_keys import SigningKey, fingerprints, new_key_pair
from eilogin.saml.xml_encryption import EncryptionMethod

UWV, STAD, HUB = "https://uwv.test/md", "https://stad.test/md", "https://hub.test/md"
KEYS = [SigningKey.load(*new_key_pair(f"key {n}")).certificate_text for n in range(4)]
OLD, NEW, OTHER, MORE = KEYS
RULES = ApprovalRules()


def at(url, binding=bindings.POST, **more):
    return Endpoint(binding, url, **more)


PARTICIPANT = ServiceProvider(
    signing_certificates=(OLD,),
    encryption_certificates=(OLD,),
    assertion_consumers=(at("https://uwv.test/acs", index=0),),
    single_logouts=(at("https://back.uwv.test:8443/slo", bindings.SOAP),),
)
HUB_ROLE = IdentityProvider(
    signing_certificates=(OLD,),
    single_sign_ons=(at("https://hub.test/sso"),),
    artifact_resolutions=(at("https://back.hub.test/art", bindings.SOAP),),
    single_logouts=(at("https://hub.test/slo"),),
    scopes=frozenset({"hub.test"}),
)
AN_UWV = EntityDescriptor(entity_id=UWV, service_provider=PARTICIPANT)
A_HUB = EntityDescriptor(entity_id=HUB, identity_provider=HUB_ROLE)


def of(*members, name="Proef", **more):
    return Membership(FederationMetadata(members, None, name, None, **more))


def many(count, **changes):
    """Participants that all are the same, but for their names."""
    return [
        replace(AN_UWV, entity_id=f"https://site-{n}.test/", **changes)
        for n in range(count)
    ]


def uwv(**changes):
    """The participant with something in its role otherwise."""
    return replace(AN_UWV, service_provider=replace(PARTICIPANT, **changes))


def hub(**changes):
    return replace(A_HUB, identity_provider=replace(HUB_ROLE, **changes))


def told(old, new, hubs=()):
    """The one change of a member, and whether it waits."""
    changes = compare(of(old), of(new), hubs)
    [change] = changes.changes
    assert changes.waits(RULES) == ([str(change)] if change.waits else [])
    return change.text, change.waits


def test_nothing_is_told_of_the_same():
    changes = compare(of(AN_UWV, A_HUB), of(AN_UWV, A_HUB), [HUB])
    assert not changes
    assert changes.lines == []
    assert changes.waits(RULES) == []


class TestAKey:
    def test_that_replaces_the_only_one_waits(self):
        text, waits = told(AN_UWV, uwv(signing_certificates=(NEW,)))
        before, after = fingerprints(OLD), fingerprints(NEW)
        assert text == f"participant: all keys are replaced: {before}; now {after}"
        assert waits

    def test_of_both_that_are_replaced_at_once_waits(self):
        old, new = (OLD, NEW), (OTHER, MORE)
        was, now = (uwv(signing_certificates=one) for one in (old, new))
        assert told(was, now)[1]

    def test_of_both_uses_that_is_replaced_is_one_reason(self):
        was, now = (
            uwv(signing_certificates=(one,), encryption_certificates=(one,))
            for one in (OLD, NEW)
        )
        [reason] = compare(of(was), of(now), []).waits(RULES)
        assert "all keys are replaced" in reason

    def test_beside_the_old_one_is_told(self):
        text, waits = told(hub(), hub(signing_certificates=(NEW, OLD)), [HUB])
        assert text == f"hub: key added: {fingerprints(NEW)}"
        assert not waits

    def test_that_goes_where_another_stays_is_told(self):
        both = uwv(signing_certificates=(OLD, NEW))
        text, waits = told(both, uwv(signing_certificates=(NEW,)))
        assert text == f"participant: key gone: {fingerprints(OLD)}"
        assert not waits

    def test_in_another_certificate_is_the_same(self):
        key = SigningKey.load(*new_key_pair("one"))
        again = SigningKey.load(*new_key_pair("again", private=key.private))
        was, now = (
            uwv(signing_certificates=(one.certificate_text,)) for one in (key, again)
        )
        text, waits = told(was, now)
        assert text.startswith("participant: the same keys, in other certificates: ")
        assert not waits

    def test_that_nobody_can_use_is_not_one_that_both_have(self):
        was = uwv(signing_certificates=(OLD, "bm9uZQ=="))
        assert told(was, uwv(signing_certificates=(NEW, "bm9uZQ==")))[1]

    @pytest.mark.parametrize(
        ("after", "waits"),
        [((NEW,), True), ((), True), ((NEW, OLD), False)],
        ids=["another", "none", "beside"],
    )
    def test_to_encrypt_with_waits_where_others_could_read(self, after, waits):
        assert told(AN_UWV, uwv(encryption_certificates=after))[1] is waits

    def test_to_encrypt_with_that_was_known_to_sign_is_told(self):
        both = uwv(signing_certificates=(OLD, NEW))
        now = uwv(signing_certificates=(NEW, OLD), encryption_certificates=(NEW,))
        federations = of(both), of(now)
        changes = compare(*federations, [])
        assert f"key added: {fingerprints(NEW)}" in "\n".join(changes.lines)
        assert changes.waits(RULES) == []

    def test_to_encrypt_with_that_comes_with_one_to_sign_waits(self):
        now = uwv(signing_certificates=(OLD, NEW), encryption_certificates=(NEW,))
        assert compare(of(AN_UWV), of(now), []).waits(RULES)

    def test_to_encrypt_with_is_told_where_there_was_none(self):
        without = uwv(encryption_certificates=())
        assert not told(without, AN_UWV)[1]


PLACES = {
    "assertion_consumers": (uwv, "https://uwv.test/acs", "Responses to logins (ACS)"),
    "single_logouts": (uwv, "https://back.uwv.test:8443/slo", "logouts (SLO)"),
    "single_sign_ons": (hub, "https://hub.test/sso", "login requests (SSO)"),
    "artifact_resolutions": (hub, "https://back.hub.test/art", "artifacts ("),
}


@pytest.mark.parametrize("name", PLACES)
class TestAnAddress:
    @pytest.fixture
    def moved_to(self, name):
        def moved(change, *, beside=False):
            member, url, what = PLACES[name]
            to = at(change(url), index=1)
            new = (at(url, index=0), to) if beside else (to,)
            text, waits = told(
                member(**{name: (at(url, index=0),)}), member(**{name: new})
            )
            assert what in text
            return text, waits

        return moved

    def test_at_another_host_waits(self, moved_to):
        text, waits = moved_to(lambda url: url.replace(".test", ".test.evil.test"))
        assert ".test.evil.test" in text
        assert "; before: https://" in text
        assert waits

    def test_at_another_host_waits_beside_the_old_one_too(self, moved_to):
        assert moved_to(lambda _: "https://evil.test/x", beside=True)[1]

    def test_at_another_port_or_scheme_waits(self, moved_to):
        assert moved_to(
            lambda url: url.replace(".test", ".test:1", 1).split(":8443")[0]
        )[1]
        assert moved_to(lambda url: url.replace("https:", "http:"))[1]

    def test_answered_at_another_host_waits(self, name):
        member, url, _ = PLACES[name]
        answered = at(url, response_location="https://evil.test/x")
        assert told(member(**{name: (at(url),)}), member(**{name: (answered,)}))[1]

    @pytest.mark.parametrize(
        "trick",
        [
            "https://{host}@evil.test/",
            "https://evil.test\\@{host}/",
            "https://{host}./x",
            "https://{host}\u3002evil.test/",
        ],
    )
    def test_that_only_looks_like_the_host_waits(self, moved_to, trick):
        text, waits = moved_to(lambda url: trick.format(host=url.split("/")[2]))
        assert waits
        assert text.isascii()

    def test_at_the_same_host_is_told(self, moved_to):
        text, waits = moved_to(lambda url: f"{url}/new")
        assert "/new; no more: HTTP-POST https://" in text
        assert not waits

    def test_written_otherwise_is_the_same_host(self, moved_to):
        assert not moved_to(
            lambda url: url.replace("uwv", "UWV").replace("hub", "HUB")
        )[1]


class TestAnAddressOfAKindThatItHadNone:
    def test_waits_elsewhere(self):
        without = uwv(single_logouts=())
        there = (at("https://evil.test/slo"),)
        assert told(without, uwv(single_logouts=there))[1]

    def test_is_told_where_it_is_already(self):
        without = uwv(single_logouts=())
        here = (at("https://uwv.test/slo"),)
        assert not told(without, uwv(single_logouts=here))[1]


def test_an_address_where_the_member_is_for_something_else_waits():
    there = (at("https://back.uwv.test:8443/acs"),)
    assert told(AN_UWV, uwv(assertion_consumers=there))[1]


def test_another_usual_address_of_the_same_ones_is_told():
    two = (at("https://a.test/", index=0), at("https://b.test/", index=1))
    text, waits = told(
        uwv(assertion_consumers=two),
        uwv(assertion_consumers=(two[0], replace(two[1], is_default=True))),
    )
    assert "or with another default" in text
    assert not waits


class TestAHub:
    @pytest.mark.parametrize(
        ("before", "after", "waits"),
        [
            ({"a.nl"}, {"a.nl", "b.nl"}, True),
            ({"a.nl"}, None, True),
            ({"a.nl", "b.nl"}, {"a.nl"}, False),
            (None, {"a.nl"}, False),
        ],
    )
    def test_with_wider_scopes_waits(self, before, after, waits):
        was, now = (
            hub(scopes=None if s is None else frozenset(s)) for s in (before, after)
        )
        assert told(was, now)[1] is waits

    def test_that_was_a_participant_waits(self):
        text, waits = told(AN_UWV, replace(AN_UWV, identity_provider=HUB_ROLE))
        assert text.startswith(
            "is a hub now: hub at https://back.hub.test, https://hub"
        )
        assert waits

    def test_of_ours_that_goes_waits(self):
        changes = compare(of(A_HUB, AN_UWV), of(AN_UWV), [HUB])
        [reason] = changes.waits(RULES)
        assert reason.startswith(f"{HUB}: our hub: hub at https://back.hub.test, ")

    def test_of_ours_that_another_takes_the_place_of_waits(self):
        other = replace(A_HUB, entity_id="https://evil.test/md")
        assert compare(of(A_HUB), of(other), [HUB]).waits(RULES)

    def test_of_ours_that_is_left_out_waits_and_it_is_told_why(self):
        error = PeerWithoutKeys("no key\n\x1b[2J to see")
        new = of(AN_UWV, left_out={HUB: error})
        [reason] = compare(of(A_HUB, AN_UWV), new, [HUB]).waits(RULES)
        assert reason.endswith("; left out: peer-without-keys: no key??[2J to see")

    def test_of_ours_that_is_a_participant_now_waits(self):
        now = replace(AN_UWV, entity_id=HUB)
        assert compare(of(A_HUB), of(now), [HUB]).waits(RULES) == [
            f"{HUB}: is no longer a hub, and it is ours"
        ]

    def test_of_others_that_goes_is_told(self):
        changes = compare(of(A_HUB, AN_UWV), of(AN_UWV), ["urn:hub"])
        assert changes.waits(RULES) == []
        assert changes.lines[0] == "Members gone (1):"

    def test_more_waits_where_visitors_may_be_sent_to_all(self):
        other = replace(A_HUB, entity_id="https://evil.test/md")
        changes = compare(of(A_HUB), of(A_HUB, other), [HUB])
        assert changes.waits(RULES) == []
        [reason] = changes.waits(ApprovalRules(takes_all_hubs=True))
        assert reason.startswith("https://evil.test/md: a new hub, and 'hub = all'")


class TestWhatTheOperatorRules:
    @pytest.mark.parametrize(
        ("before", "after", "waits"),
        [
            ({"required_level": "midden"}, {"required_level": "basis"}, True),
            ({"required_level": "midden"}, {}, True),
            ({"required_level": "midden"}, {"required_level": "hoog"}, False),
            ({}, {"sso_domain": "zorg"}, True),
            ({"sso_domain": "none"}, {}, True),
            ({"sso_domain": "zorg"}, {"sso_domain": "none"}, False),
            ({"released": frozenset("a")}, {"released": frozenset("ab")}, True),
            ({"released": frozenset("a")}, {}, True),
            ({"released": frozenset("ab")}, {"released": frozenset("a")}, False),
            ({}, {"released": frozenset()}, False),
        ],
    )
    def test_waits_where_it_is_loosened(self, before, after, waits):
        old, new = (replace(AN_UWV, **one) for one in (before, after))
        assert told(old, new)[1] is waits


class TestWhatAMemberAsksFor:
    @staticmethod
    def asking(*names, **more):
        asked = (AttributeService(names),) if names else ()
        return replace(uwv(attribute_services=asked), **more)

    def test_waits_where_it_is_more(self):
        text, waits = told(self.asking("name"), self.asking("name", "bsn"))
        assert text == "attributes: new: bsn"
        assert waits

    def test_is_told_where_it_does_not_get_it(self):
        limited = {"released": frozenset({"name"})}
        was, now = self.asking(**limited), self.asking("bsn", **limited)
        assert not told(was, now)[1]

    def test_waits_where_a_category_gives_it(self):
        new = replace(AN_UWV, entity_categories=frozenset({"urn:x"}))
        assert told(AN_UWV, new)[1]
        assert not told(new, AN_UWV)[1]


class TestALargePart:
    def test_that_is_gone_waits(self):
        changes = compare(of(*many(10)), of(*many(6)))
        assert changes.waits(RULES) == [
            "4 of 10 members are gone at once (40 %; federation_changes = 25)"
        ]
        assert changes.waits(ApprovalRules(percent=40)) == []
        assert changes.waits(ApprovalRules(percent=None)) == []

    def test_that_is_otherwise_waits(self):
        new = many(3, names={"nl": "X"}) + many(10)[3:]
        assert compare(of(*many(10)), of(*new)).waits(RULES) == [
            "3 of 10 members are otherwise at once (30 %; federation_changes = 25)"
        ]

    def test_is_more_than_one_member(self):
        assert compare(of(*many(2)), of(*many(1))).waits(RULES) == []

    def test_is_none_of_all_that_are_signed_anew(self):
        new = many(10, valid_until=1.0)
        changes = compare(of(*many(10)), of(*new))
        assert changes.waits(RULES) == []
        assert not changes
        assert changes.lines == [
            "Validity (1):",
            "    10 members: valid until 1970-01-01T00:00:01Z; before: for ever",
        ]


def test_new_key_of_an_expired_member_needs_approval():
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False):
        old = of(replace(AN_UWV, valid_until=clock.now() - 86400))
        new = of(uwv(signing_certificates=(NEW,)))
        assert compare(old, new).waits(RULES)


def test_a_new_member_is_told_with_its_keys():
    new = replace(AN_UWV, entity_id=STAD, names={"en": "Stad\x1b[31m\u202e"})
    changes = compare(of(AN_UWV), of(AN_UWV, new))
    assert changes.waits(RULES) == []
    [kind, line] = changes.lines
    assert kind == "Members added (1):"
    at = "https://back.uwv.test:8443, https://uwv.test"
    told = f"'Stad?[31m?', participant at {at}; keys: {fingerprints(OLD)}"
    assert line == f"    {STAD}: {told}"


class TestWhoWasAMemberBefore:
    """Nobody takes somebody's place in two steps."""

    def test_is_known_again_when_it_comes_back(self):
        changes = compare(of(), of(AN_UWV), departed={UWV: AN_UWV})
        assert changes.waits(RULES) == []
        [_, line] = changes.lines
        assert line.endswith("; was a member before")

    @pytest.mark.parametrize(
        "changed",
        [
            {"signing_certificates": (NEW,)},
            {"assertion_consumers": (at("https://evil.test/"),)},
        ],
        ids=["another key", "another host"],
    )
    def test_waits_when_it_comes_back_otherwise(self, changed):
        back = uwv(**changed)
        assert compare(of(), of(back)).waits(RULES) == [], "as a new member"
        assert compare(of(), of(back), departed={UWV: AN_UWV}).waits(RULES)


def test_a_member_that_is_left_out_and_is_there_no_more_is_told():
    left_out = of(AN_UWV, left_out={STAD: PeerWithoutKeys("no key")})
    told = compare(of(AN_UWV), left_out).lines
    assert told == ["Members left out (1):", f"    {STAD}: peer-without-keys: no key"]
    told = compare(left_out, of(AN_UWV)).lines
    assert told[1] == f"    {STAD}: is no longer in the metadata; was left out before"
    back = compare(left_out, of(AN_UWV, replace(AN_UWV, entity_id=STAD)))
    assert back.lines[1].endswith("; was left out before")


def test_of_many_the_first_are_told_and_what_waits_before_the_others():
    new = many(120, names={"nl": "X"})
    new[100] = replace(new[100], required_level="", sso_domain="zorg")
    changes = compare(of(*many(120)), of(*new))
    kind, *lines = changes.lines
    assert kind == "Rules of the operator (1):"
    assert lines[0].startswith("  ! https://site-100.test/: shares a session")
    assert lines[1] == "Other (120):"
    assert lines[-1] == "    and 70 more"
    assert len(lines) == 2 + 50 + 1
    assert (changes.count, changes.hidden) == (121, 70)
    assert len(changes.all_lines) == 2 + 1 + 120


def test_that_all_are_valid_for_longer_is_no_change_that_is_counted(monkeypatch):
    monkeypatch.setattr(changing, "MOST_SHOWN", 1)
    old = [replace(one, valid_until=n) for n, one in enumerate(many(3))]
    new = [replace(one, valid_until=9.0 + n) for n, one in enumerate(many(3))]
    changes = compare(of(*old), of(*new))
    assert (changes.count, changes.hidden) == (0, 0)
    assert not changes
    assert len(changes.all_lines) == 4


def test_of_what_waits_no_address_is_hidden_behind_others():
    there = [at(f"https://site-{n}.test/") for n in range(20)]
    evil = at("https://zzz.evil.test/")
    was, now = (uwv(assertion_consumers=(*one,)) for one in ([], [*there, evil]))
    text, waits = told(was, now)
    assert "https://zzz.evil.test; before" in text
    assert waits
    many = [at(f"https://site-{n:03}.test/") for n in range(120)]
    assert ", and 20 more; before" in told(was, uwv(assertion_consumers=(*many,)))[0]


def test_the_name_of_the_federation_is_told():
    [_, line] = compare(of(name="A"), of(name="B")).lines
    assert line == "    name of the federation: 'B'; before: 'A'"


# --- whatever is changed ------------------------------------------------------------

_TEXTS = st.sampled_from(["", "a", "b\n\x1b[2J", "urn:x"])
_HOSTS = st.sampled_from(
    ["https://uwv.test/", "https://evil.test/", "https://uwv.test:1/"]
)
_ENDPOINTS = st.lists(
    st.builds(
        Endpoint,
        st.sampled_from([bindings.POST, bindings.SOAP]),
        _HOSTS,
        st.one_of(st.just(""), _HOSTS),
        st.sampled_from([None, 0, 1]),
        st.sampled_from([None, True, False]),
    ),
    max_size=2,
).map(tuple)
_CERTIFICATES = st.lists(st.sampled_from([*KEYS, "bm9uZQ=="]), max_size=2).map(tuple)
_SET = st.frozensets(_TEXTS, max_size=2)
#: The types of fields, as their declarations have them.
_OF_TYPE = {
    "tuple[str, ...]": st.lists(_TEXTS, max_size=2).map(tuple),
    "tuple[Endpoint, ...]": _ENDPOINTS,
    "tuple[EncryptionMethod, ...]": st.lists(
        st.builds(EncryptionMethod, _TEXTS, _TEXTS), max_size=2
    ).map(tuple),
    "tuple[AttributeService, ...]": st.lists(
        st.builds(
            AttributeService,
            st.lists(_TEXTS, max_size=2).map(tuple),
            _SET,
            st.integers(0, 1),
        ),
        max_size=2,
    ).map(tuple),
    "tuple[Contact, ...]": st.lists(
        st.builds(Contact, st.just("technical"), _TEXTS), max_size=2
    ).map(tuple),
    "tuple[Logo, ...]": st.lists(st.builds(Logo, _TEXTS), max_size=2).map(tuple),
    "Mapping[str, str]": st.dictionaries(st.sampled_from(["nl", "en"]), _TEXTS),
    "frozenset[str]": _SET,
    "Optional[frozenset[str]]": st.none() | _SET,
    "bool": st.booleans(),
    "str": _TEXTS,
}


def _written(kind):
    """As it is declared."""
    if isinstance(kind, type) and not get_args(kind):
        return kind.__name__
    return re.sub(r"[a-z_]+\.", "", str(kind))


def _any(kind, **known):
    hints = get_type_hints(kind)
    made = {
        field.name: _CERTIFICATES
        if field.name.endswith("_certificates")
        else _OF_TYPE[_written(hints[field.name])]
        for field in fields(kind)
        if field.name not in known
    }
    return st.builds(kind, **made, **known)


_MEMBERS = _any(
    EntityDescriptor,
    entity_id=st.just(UWV),
    service_provider=st.none() | _any(ServiceProvider),
    identity_provider=st.none() | _any(IdentityProvider),
    required_level=st.sampled_from(["", "basis", "hoog"]),
    valid_until=st.none() | st.just(1.0),
)


@given(_MEMBERS, _MEMBERS)
def test_every_change_is_told_in_one_line_that_is_fit_for_a_terminal(old, new):
    changes = compare(of(old), of(new), [UWV])
    assert bool(changes.lines) == (old != new)
    assert bool(changes) == (
        replace(old, valid_until=None) != replace(new, valid_until=None)
    )
    assert all(line.isprintable() for line in changes.lines)
    assert compare(of(old), of(old), [UWV]).lines == []


_ROLES = ("service_provider", "identity_provider")


def _every_field():
    for field in fields(EntityDescriptor):
        if field.name not in ("entity_id", *_ROLES):
            yield None, field
    for name, kind in zip(_ROLES, (ServiceProvider, IdentityProvider), strict=True):
        for field in fields(kind):
            yield name, field


@given(_MEMBERS, st.data())
def test_a_change_of_any_one_field_is_told(old, data):
    role, field = data.draw(st.sampled_from([*_every_field()]))
    holder = old if role is None else getattr(old, role)
    if holder is None:
        return
    other = getattr(
        data.draw(_MEMBERS if role is None else _any(type(holder))), field.name
    )
    changed = replace(holder, **{field.name: other})
    new = changed if role is None else replace(old, **{role: changed})
    assert bool(compare(of(old), of(new)).lines) == (
        other != getattr(holder, field.name)
    )


def _believed(entity):
    """By what somebody could say who a citizen is."""
    role = entity.identity_provider
    return set(role.signing_certificates) & set(KEYS) if role else set()


def _sent_to(entity):
    """Where what is meant for a member goes."""
    found = set()
    for role in (entity.service_provider, entity.identity_provider):
        for field in fields(role) if role else ():
            for one in (
                getattr(role, field.name)
                if _written(field.type) == "tuple[Endpoint, ...]"
                else ()
            ):
                found |= {one.location, one.response_location} - {""}
    return found


@given(_MEMBERS, _MEMBERS)
def test_no_change_that_hands_a_login_to_somebody_else_applies_by_itself(old, new):
    waits = compare(of(old), of(new), [UWV]).waits(RULES)
    role = new.identity_provider
    if role is not None and not _believed(old) & _believed(new) and _believed(new):
        assert waits, "another could say who somebody is"
    if new.service_provider is None or old.service_provider is not None:
        assert waits or not _sent_to(new) - _sent_to(old), "another could be sent it"
    if role is not None and old.identity_provider is None:
        assert waits, "a participant is a hub"
    if role is None and old.identity_provider is not None:
        assert waits, "our hub is gone"
    if role and old.identity_provider and role.scopes != old.identity_provider.scopes:
        was = old.identity_provider.scopes
        assert waits or was is None or (role.scopes is not None and role.scopes < was)
    assert (
        waits
        or new.required_level in (old.required_level, "hoog")
        or not old.required_level
    )


# --- of which site ------------------------------------------------------------------


@pytest.fixture
def options(tmp_path):
    names = ("key", "certificate", "federation")
    known = {name: str(tmp_path / name) for name in names}
    pair = new_key_pair("UWV")
    for name, octets in zip(names, (*pair, b""), strict=True):
        (tmp_path / name).write_bytes(octets)

    def read(**said):
        usual = {"public_url": "https://uwv.test", "name": "UWV", **known}
        return TrustOptions(federation_unsigned="true", **usual, **said)

    return read


def test_a_site_says_what_waits(options):
    assert ApprovalRules.of(options()) == ApprovalRules(25.0, takes_only_hub=True)
    assert ApprovalRules.of(options(hub=HUB)) == ApprovalRules(25.0)
    assert ApprovalRules.of(options(role="hub")) == ApprovalRules(25.0)
    said = options(federation_changes="50 %", hub="all", four_eyes="true")
    assert ApprovalRules.of(said) == ApprovalRules(50.0, takes_all_hubs=True, people=2)
    assert ApprovalRules.of(options(federation_changes="off")).percent is None


@pytest.mark.parametrize(
    ("said", "is_ours"),
    [
        ({}, True),
        ({"hub": "all"}, True),
        ({"hub": HUB}, True),
        ({"hub": STAD}, False),
        ({"role": "hub"}, False),
    ],
)
def test_hub_change_needs_approval_only_at_sites_that_use_the_hub(
    options, said, is_ours
):
    changes = changes_for(options(**said), of(A_HUB), of(), of())
    assert bool(changes.waits(RULES)) is is_ours


class TestTheNameOfAState:
    def test_is_the_same_when_it_is_signed_once_more(self):
        assert id_of(of(AN_UWV)) == id_of(of(replace(AN_UWV, valid_until=1.0)))

    def test_is_another_for_whatever_else_is_otherwise(self):
        left_out = of(AN_UWV, left_out={STAD: PeerWithoutKeys("no key")})
        states = [of(AN_UWV), of(A_HUB), of(), left_out, of(AN_UWV, name="B")]
        assert len({id_of(one) for one in states}) == 5
        assert len(id_of(of())) == 32

    def test_contains_the_origins_of_members_as_earlier_versions_wrote_them(self):
        sources = [
            Source("first", "1", line="a", signers="x", members=2),
            Source("second", "2", line="a", signers="x", members=1),
            Source("empty", "3", line="b", signers="x"),
            Source("third", "4", line="b", signers="y", members=1),
        ]
        text = f'[[], [], "{of().name}", [["a", "x"], 3], [["b", "y"], 1]]'
        expected = hashlib.sha256(text.encode()).hexdigest()[:32]
        assert id_of(of(), parts_of(sources)) == expected


class TestWhatConcernsAParticipant:
    """Its hubs and itself: changes of other participants are no matter of its own."""

    @pytest.fixture
    def waits(self, options):
        """Say why a change of one member waits at a site."""

        def judged(old, new, **said):
            changes = changes_for(options(**said), of(old, A_HUB), of(new, A_HUB), {})
            return changes.waits(RULES)

        return judged

    CHANGES = (
        {"signing_certificates": (NEW,)},
        {"assertion_consumers": (at("https://evil.test/"),)},
        {"attribute_services": (AttributeService(("bsn",)),)},
    )

    @pytest.mark.parametrize("changed", CHANGES)
    def test_is_no_change_of_another_participant(self, waits, changed):
        assert waits(AN_UWV, uwv(**changed)) == []
        assert waits(AN_UWV, uwv(**changed), role="hub"), (
            "that one tells it of citizens"
        )

    def test_is_no_rule_for_another_participant(self, waits):
        ruled = replace(AN_UWV, required_level="hoog")
        assert waits(ruled, AN_UWV) == []
        assert waits(ruled, AN_UWV, role="hub")

    @pytest.mark.parametrize("changed", CHANGES)
    def test_is_every_change_of_its_own_record(self, waits, changed):
        assert waits(AN_UWV, uwv(**changed), entity_id=UWV)

    def test_is_every_change_of_its_hubs(self, options):
        new = of(hub(signing_certificates=(NEW,)))
        for said, is_ours in (({}, True), ({"hub": HUB}, True), ({"hub": STAD}, False)):
            changes = changes_for(options(**said), of(A_HUB), new, {})
            assert bool(changes.waits(RULES)) is is_ours

    def test_is_a_participant_that_becomes_a_hub(self, waits):
        [reason] = waits(AN_UWV, replace(AN_UWV, identity_provider=HUB_ROLE))
        assert reason.startswith(f"{UWV}: is a hub now: ")

    def test_is_one_that_comes_back_as_a_hub(self, options):
        back = replace(AN_UWV, identity_provider=HUB_ROLE)
        changes = changes_for(options(), of(), of(back), {UWV: AN_UWV})
        assert changes.waits(RULES)

    def test_is_a_large_part_of_all(self, options):
        changes = changes_for(options(), of(*many(10)), of(*many(6)), {})
        assert changes.waits(RULES)
