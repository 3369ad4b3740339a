"""Which levels would do, and what is said of the one that was reached."""

import pytest

from eilogin.hub.participants import requested_levels
from eilogin.saml.assurance_levels import DIGID, LEVELS, Classes
from eilogin.saml.messages import AuthnRequest
from eilogin.sessions import Login, Subject

BASIS, MIDDEN, SUBSTANTIEEL, HOOG = (DIGID.class_of(level) for level in LEVELS)


def asked(comparison, *classes):
    return AuthnRequest(
        "_1", 0.0, "https://uwv.test/", comparison=comparison, level_classes=classes
    )


@pytest.mark.parametrize(
    ("comparison", "classes", "levels"),
    [
        ("minimum", (), LEVELS),
        ("minimum", (BASIS,), LEVELS),
        ("minimum", (SUBSTANTIEEL,), LEVELS[2:]),
        ("minimum", (HOOG, MIDDEN), LEVELS[1:]),
        ("minimum", ("urn:unknown", HOOG), LEVELS[3:]),
        ("minimum", ("urn:unknown",), ()),
        ("exact", (MIDDEN,), ("midden",)),
        ("exact", (HOOG, BASIS), ("basis", "hoog")),
        ("exact", ("urn:unknown", BASIS), ("basis",)),
        ("maximum", (BASIS,), ("basis",)),
        ("maximum", (BASIS, SUBSTANTIEEL), LEVELS[:3]),
        ("better", (BASIS,), LEVELS[1:]),
        ("better", (BASIS, SUBSTANTIEEL), ("hoog",)),
        ("better", (HOOG,), ()),
    ],
)
def test_the_levels_that_would_do(comparison, classes, levels):
    assert requested_levels.sufficient(asked(comparison, *classes), DIGID) == tuple(
        levels
    )


def test_a_level_that_no_class_says_does_for_nobody():
    classes = Classes({"basis": (BASIS,), "hoog": (HOOG,)})
    found = requested_levels.sufficient(asked("minimum", BASIS), classes)
    assert found == ("basis", "hoog")


@pytest.mark.parametrize(
    ("levels", "comparison", "level"),
    [
        (LEVELS, "minimum", "basis"),
        (LEVELS[1:], "minimum", "midden"),
        (LEVELS[2:], "minimum", ""),
        (("basis", "hoog"), "exact", "basis"),
        (LEVELS, "maximum", "midden"),
        (LEVELS[2:], "maximum", ""),
        ((), "exact", ""),
    ],
)
def test_the_level_to_prove(levels, comparison, level):
    assert requested_levels.to_prove(levels, ("basis", "midden"), comparison) == level


@pytest.mark.parametrize(
    ("levels", "reached", "level"),
    [
        (LEVELS, "midden", "midden"),
        (("basis",), "hoog", "basis"),
        (("basis", "hoog"), "substantieel", "basis"),
        (("midden",), "basis", ""),
        ((), "hoog", ""),
    ],
)
def test_the_level_to_confirm(levels, reached, level):
    assert requested_levels.to_confirm(levels, reached) == level


@pytest.mark.parametrize(
    ("proven", "level"),
    [
        ({"midden": 1.0}, "midden"),
        ({"basis": 1.0}, "basis"),
        ({"hoog": 9.0}, "hoog"),
        ({"hoog": 1.0}, "midden"),
        ({"hoog": 1.0, "substantieel": 9.0}, "substantieel"),
        ({"hoog": 1.0, "basis": 9.0}, "midden"),
    ],
)
def test_a_higher_level_that_was_proven_before_is_not_said_again(proven, level):
    reached = max(proven, key=LEVELS.index)
    who = Subject("https://hub.test/", "https://hub.test/", "anna")
    login = Login(who, reached, started=0, ends=99, confirmed=9, proven=proven)
    assert requested_levels.certain(login, 9.0).level == level
