"""The value of a cookie is sealed, with the place where the browser keeps it."""

from types import SimpleNamespace

import pytest

from eilogin.participant.application import sealed_cookies
from eilogin.participant.application.sealed_cookies import (
    LONGEST,
    MARK,
    CookieSealer,
    name_of,
)
from eilogin.web.set_cookie_headers import Place

ANNA = "the family of a login"


def sealer(*secrets, entity_id="https://uwv.test/eilogin/metadata"):
    own = SimpleNamespace(entity_id=entity_id, sealing_secrets=secrets or (b"one",))
    return CookieSealer(own)


def sealed(value="k3y", name="sid", place=None, family=ANNA, by=None):
    text = (by or sealer()).seal(name, value, place or Place(), family)
    return sealed_cookies.read(name_of(name, family), text)


@pytest.mark.parametrize("family", [ANNA, None])
def test_it_opens_for_the_same_login_alone(family):
    cookie = sealed(family=family)
    for other in (ANNA, "another", "", None):
        opened = sealer().open(cookie, other)
        assert opened == ("k3y" if other == family else None)


def test_it_has_another_name_in_the_browser_than_what_is_set_without_a_login():
    cookie = sealed()
    assert (cookie.name, cookie.own_name) == ("sid~eil", "sid")
    assert sealer().open(cookie._replace(name="sid"), ANNA) is None
    nobodys = sealed(family=None)
    assert (nobodys.name, nobodys.own_name) == ("sid", "sid")
    for family in (ANNA, None):
        assert sealer().open(nobodys._replace(name="sid~eil"), family) is None


def test_other_entity_with_same_secrets_cannot_open_cookie():
    other = sealer(entity_id="https://stad.test/eilogin/metadata")
    assert other.open(sealed(), ANNA) is None
    assert not other.is_ours(sealed())
    assert sealer().is_ours(sealed())


def test_an_older_secret_opens_and_is_ours():
    both = sealer(b"two", b"one")
    assert both.open(sealed(), ANNA) == "k3y"
    assert both.is_ours(sealed())
    assert sealer(b"two").open(sealed(), ANNA) is None
    assert not sealer(b"two").is_ours(sealed())


@pytest.mark.parametrize(
    "place", [Place(), Place("/a b"), Place("/", "example.nl"), Place("/x/y", "nl")]
)
def test_the_place_comes_along(place):
    cookie = sealed(place=place)
    assert cookie.place == place
    assert sealer().open(cookie, ANNA) == "k3y"


def test_cookie_of_maximum_length_opens_again():
    value = "eyJfZnJlc2giOmZhbHNlfQ" * 170
    text = sealer().seal("session", value, Place(), ANNA)
    assert len("session") + len(value) > 3700
    name = name_of("session", ANNA)
    assert len(name) + len(text) <= LONGEST
    cookie = sealed_cookies.read(name, text)
    assert sealer().open(cookie, ANNA) == value


def test_its_length_does_not_tell_what_repeats_in_it():
    """By that who writes a part of a value could guess the rest (as CRIME does)."""
    rest = "".join(map(chr, range(0x21, 0x3B))) * 155
    texts = [
        sealer().seal("a", "k3yq" + guess + rest, Place(), ANNA)
        for guess in ("k3yq", "qy3k")
    ]
    assert len(rest) * 4 / 3 > LONGEST, "so they are deflated"
    assert len(texts[0]) == len(texts[1])


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("sid", "not base64!"),
        ("sid", "AAAA.not base64!"),
        ("sid", "AAAA.w6k="),
        ("sid", "AAAA.eA=="),
        ("sid", "AAAA.LwANCg=="),
        ("sid", "AAAA.LztQYXRo"),
        ("sid", "AAAA.LwBhO2I="),
        ("s\x07d", "AAAA"),
        ("", "AAAA"),
    ],
)
def test_sealed_cookie_with_invalid_attributes_is_not_read(name, behind):
    assert sealed_cookies.read(name, MARK + behind) is None
