"""What a line of ``protect`` says of attributes."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.participant.policy.attribute_conditions import Condition

ANNA = {
    "role": ["lezer", "hoofd beheer"],
    "urn:oid:2.5.4.10": ["UWV"],
    "idle": ["5m"],
    "mail": [],
    "city": ["", " "],
}


@pytest.mark.parametrize(
    "word",
    [
        "role=lezer",
        "role=beheerder|lezer",
        "role=hoofd%20beheer",
        "role=*",
        "urn:oid:2.5.4.10=UWV",
        "urn:oid:2.5.4.10=*",
        "attribute:urn:oid:2.5.4.10=UWV",
        "attribute:idle=5m",
    ],
)
def test_one_that_is_met(word):
    assert Condition.parse(word).is_met(ANNA)


@pytest.mark.parametrize(
    "word",
    [
        "role=beheerder",
        "role=Lezer",
        "role=leze",
        "role=hoofd",
        "role=lezer%20",
        "role=%2A",
        "Role=*",
        "mail=*",
        "city=*",
        "unknown=*",
        "unknown=x",
        "urn:oid:2.5.4.1=UWV",
    ],
)
def test_one_that_is_not_met(word):
    assert not Condition.parse(word).is_met(ANNA)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(TEXTS, st.sets(TEXTS, min_size=1, max_size=3), TEXTS)
def test_attribute_condition_accepts_only_exact_values(name, values, other):
    written = f"{quote(name, safe=':')}={'|'.join(map(quote, values))}"
    condition = Condition.parse(f"attribute:{written}")
    assert condition == Condition(name, frozenset(values))
    assert all(condition.is_met({name: [other, value]}) for value in values)
    assert condition.is_met({name: [other]}) == (other in values)
    assert condition.is_met({other: sorted(values)}) == (other == name)


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("role=hoofd|beheerder", ("beheerder", "hoofd")),
        ("role=*", ()),
        ("mail=jan@uwv.test|piet", ()),
        ("bsn=900000016", ()),
        ("number=12345", ()),
        ("group=team-2026", ("team-2026",)),
    ],
)
def test_a_page_shows_its_values_where_none_could_name_somebody(word, shown):
    assert Condition.parse(word).shown == shown
