"""Whose values a hub may give: those of its own scope (Attacks G13)."""

import pytest
from hub_speaker import Chooser, entity_changes, hub_changes
from parties import new_party_key

from eilogin import clock as instants

EPPN = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6"
SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:subject-id"
STAD = "https://stad.test/mijn"


@pytest.fixture(scope="session")
def second_key():
    return new_party_key("second")


@pytest.fixture
def citizen(clock, witness, eilogin_federation, hub_of, second_key):
    """At a participant with two hubs, of which the first has these scopes."""

    def make(scopes, **options):
        said = {"acs": "post", "user": f"attribute:{EPPN} subject", **options}
        federation = eilogin_federation(
            {"stad.test": witness}, options={"stad.test": said}
        )
        visitor = Chooser(federation, hub_of(federation), second_key)
        hub_changes(federation, "stad.test", scopes=scopes)
        return visitor

    return make


def logs_in_by(visitor, hub, **attributes):
    """She chooses a hub, which says this of her."""
    visitor.browser.visit(
        f"https://stad.test/eilogin/login?next=/mijn&hub={hub.entity_id}"
    )
    visitor.answer_of(hub, attributes={"name": ["Anna"], **attributes})


def test_a_value_of_its_own_scope_is_taken(citizen, witness):
    visitor = citizen(frozenset({"stad.nl"}))
    logs_in_by(visitor, visitor.hub, **{EPPN: ["anna@Stad.nl"]})
    assert visitor.browser.url == STAD
    assert witness.environ["REMOTE_USER"].startswith("anna@Stad.nl")


@pytest.mark.parametrize(
    "value", ["anna@uwv.nl", "anna@stad.nl@uwv.nl", "anna@x.stad.nl", "anna", "@"]
)
def test_a_value_of_another_scope_is_left_out(citizen, witness, value, caplog):
    visitor = citizen(frozenset({"stad.nl"}))
    logs_in_by(visitor, visitor.hub, **{EPPN: [value], SUBJECT_ID: ["a@stad.nl"]})
    attributes = witness.environ["eilogin.session"].attributes
    assert EPPN not in attributes
    assert attributes[SUBJECT_ID] == ["a@stad.nl"]
    assert witness.environ["REMOTE_USER"].startswith("anna!")
    assert f"1 value(s) of {EPPN} from " in caplog.text
    assert "Expected the scope stad.nl" in caplog.text
    assert value in ("@", "anna") or value not in caplog.text


def test_nobody_is_who_another_hub_may_say_she_is(citizen, caplog):
    """The second hub lists no scopes, and says that its visitor is of the first."""
    visitor = citizen(frozenset({"stad.nl"}), subject=f"attribute:{EPPN}")
    logs_in_by(visitor, visitor.other, **{EPPN: ["beheer@STAD.nl"]})
    assert visitor.browser.page.status_int == 403
    assert "Expected a scope that no other hub lists" in caplog.text


@pytest.mark.parametrize(
    "scope",
    [
        "x@stad.nl",
        "stad.nl.",
        "stad.nl ",
        "stad.nl\u200b",
        "\uff53tad.nl",
        "\u017ftad.nl",
        "stad\u3002nl",
        "st\u00adad.nl",
        "",
        ".",
        "-stad.nl",
        "stad..nl",
    ],
)
def test_no_other_spelling_of_a_scope_passes_for_it(citizen, scope):
    """For what looks alike, or what somebody makes it the same."""
    visitor = citizen(frozenset({"stad.nl"}), subject=f"attribute:{EPPN}")
    logs_in_by(visitor, visitor.other, **{EPPN: [f"beheer@{scope}"]})
    assert visitor.browser.page.status_int == 403


def test_scopes_are_not_checked_if_no_hub_lists_any(citizen, witness):
    visitor = citizen(None)
    logs_in_by(visitor, visitor.hub, **{EPPN: ["anna"]})
    assert visitor.browser.url == STAD
    assert witness.environ["eilogin.session"].attributes[EPPN] == ["anna"]


def test_hub_without_scopes_may_use_scopes_that_no_hub_lists(citizen, witness):
    visitor = citizen(frozenset({"stad.nl"}), subject=f"attribute:{EPPN}")
    logs_in_by(visitor, visitor.other, **{EPPN: ["beheer@elders.nl"]})
    assert visitor.browser.url == STAD
    assert "beheer@elders.nl" in witness.environ["REMOTE_USER"]


def test_a_hub_that_has_expired_stops_nobody_and_keeps_its_scopes(
    citizen, witness, clock
):
    visitor = citizen(frozenset({"stad.nl"}))
    first = visitor.hub.entity_id
    entity_changes(
        visitor.federation, "stad.test", first, valid_until=instants.now() + 1
    )
    clock.shift(2)
    told = {EPPN: ["beheer@stad.nl"], SUBJECT_ID: ["a@elders.nl"]}
    logs_in_by(visitor, visitor.other, **told)
    assert visitor.browser.url == STAD
    attributes = witness.environ["eilogin.session"].attributes
    assert EPPN not in attributes
    assert attributes[SUBJECT_ID] == ["a@elders.nl"]


def test_value_without_scope_is_accepted_from_any_hub(citizen, witness):
    visitor = citizen(frozenset())
    logs_in_by(visitor, visitor.hub, mail=["anna@uwv.nl"], **{EPPN: ["anna@uwv.nl"]})
    attributes = witness.environ["eilogin.session"].attributes
    assert attributes["mail"] == ["anna@uwv.nl"]
    assert EPPN not in attributes


def test_attribute_dropped_for_its_scope_counts_as_missing(citizen):
    visitor = citizen(frozenset({"stad.nl"}), require_attributes=EPPN)
    logs_in_by(visitor, visitor.hub, **{EPPN: ["anna@uwv.nl"]})
    assert visitor.browser.page.status_int == 403
