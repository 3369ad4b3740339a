"""The lines of options about a federation."""

import pytest

from eilogin.config import Options, attempt, option
from eilogin.federation.local.option_values import (
    Days,
    Keywords,
    LevelClasses,
    RequestedAttribute,
    RequestedAttributes,
    URIs,
    WeakAlgorithms,
)
from eilogin.saml.assurance_levels import DIGID

PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
UNSPECIFIED = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
HIGH = "https://refeds.org/profile/mfa"


class Sample(Options):
    level_classes: LevelClasses = option("levels", default=DIGID)
    accept_weak: WeakAlgorithms = option("weak", default=frozenset())
    requested_attributes: RequestedAttributes = option("wanted", default=())
    keywords: Keywords = option("words", default=())
    entity_categories: URIs = option("categories", default=())
    federation_validity: Days = option("days", default=None)


def read(**values):
    options, faults = attempt(Sample, "app.ini", "filter:x", values)
    assert not faults, faults
    return options


def fault(**values):
    _, (found,) = attempt(Sample, "app.ini", "filter:x", values)
    return str(found)


class TestLevels:
    def test_have_classes_the_preferred_one_first(self):
        text = f"hoog {HIGH}\n\n  basis {PASSWORD} {UNSPECIFIED}\n"
        classes = read(level_classes=text).level_classes
        assert list(classes.by_level) == ["basis", "hoog"]
        assert classes.class_of("basis") == PASSWORD
        assert classes.level_of(UNSPECIFIED) == "basis"
        assert classes.reaching("midden") == (HIGH,)

    def test_are_those_of_digid_where_nothing_is_said(self):
        assert read().level_classes == DIGID

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (f"mdden {PASSWORD}", "did you mean 'midden'?"),
            (f"basis {PASSWORD}\nbasis {HIGH}", "each level once"),
            ("basis", "followed by the URIs of its classes"),
            ("basis Password", "followed by the URIs of its classes"),
            (f"basis {HIGH}\nhoog {HIGH}", "each class once, at one level"),
            (f"basis {HIGH} {HIGH}", "each class once, at one level"),
            (" ", "a line for each level"),
        ],
    )
    def test_that_cannot_be_are_told(self, text, says):
        assert says in fault(level_classes=text)

    def test_that_cannot_be_are_told_with_their_lines(self):
        told = fault(level_classes=f"basis {PASSWORD}\nbasis {HIGH}")
        assert f"(line 2: 'basis {HIGH}')" in told
        assert "line 1" not in told


class TestWeakAlgorithms:
    def test_are_none_or_those_that_are_named(self):
        assert read().accept_weak == frozenset()
        assert read(accept_weak="cbc\n rsa-1.5").accept_weak == {"cbc", "rsa-1.5"}

    def test_that_nobody_knows_are_told(self):
        told = fault(accept_weak="cbc sha1-redirects")
        assert "some of cbc rsa-1.5 sha1-redirect, not 'sha1-redirects'" in told
        assert "did you mean 'sha1-redirect'?" in told


class TestRequestedAttributes:
    def test_may_be_required_or_not(self):
        text = "urn:oid:2.5.4.42\nbsn   required\nmijn naam required\nrequired"
        assert read(requested_attributes=text).requested_attributes == (
            RequestedAttribute("urn:oid:2.5.4.42"),
            RequestedAttribute("bsn", is_required=True),
            RequestedAttribute("mijn naam", is_required=True),
            RequestedAttribute("required"),
        )

    def test_have_names_that_can_be_written_down(self):
        assert "the name of an attribute" in fault(requested_attributes="b\x00sn")

    @pytest.mark.parametrize("slip", ["Required", "required,", "(required)"])
    def test_are_not_named_after_a_slip(self, slip):
        told = fault(requested_attributes=f"naam\nbsn {slip}")
        assert "optionally 'required' behind it" in told


class TestKeywords:
    def test_have_commas_between_them(self):
        text = "rijbewijs,  geld\tlenen ,\n Paspoort,rijbewijs,,"
        assert read(keywords=text).keywords == ("rijbewijs", "geld lenen", "Paspoort")
        assert read(keywords=" ").keywords == ()

    @pytest.mark.parametrize(
        "text", ["a+b", "x" * 41, "a\x07b", ",".join(map(str, range(21)))]
    )
    def test_are_few_and_short(self, text):
        assert "at most 20 words, separated by commas" in fault(keywords=text)


def test_categories_are_uris():
    text = "https://refeds.org/category/personalized\nurn:x-test:other"
    assert read(entity_categories=text).entity_categories == tuple(text.split())
    assert "a URI such as" in fault(entity_categories="research and scholarship")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1d", 86400.0), (" 30 d ", 2592000.0), ("off", None), ("99999d", 8639913600.0)],
)
def test_days_are_seconds(text, seconds):
    assert read(federation_validity=text).federation_validity == seconds


@pytest.mark.parametrize(
    "text", ["0d", "d", "30", "30h", "-1d", "100000d", "\u0663d", ""]
)
def test_rejects_federation_validity_that_is_not_a_number_of_days(text):
    assert "a number of days such as '30d', or 'off'" in fault(federation_validity=text)


def test_values_that_are_no_text_stay_as_they_are():
    for name, value in {
        "level_classes": DIGID,
        "accept_weak": frozenset({"cbc"}),
        "requested_attributes": (RequestedAttribute("bsn"),),
        "entity_categories": ("urn:x",),
        "keywords": ("werk",),
        "federation_validity": 86400.0,
    }.items():
        assert getattr(Sample.model_validate({name: value}), name) == value
