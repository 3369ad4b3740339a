"""Cookies: found whatever else is in the header, never found where they are forged."""

import pytest
from cpu_time import cpu_seconds
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from eilogin.web.browser.browser_cookies import Cookie, CookieName, names

OURS = Cookie("eilogin")
MINE = "__Host-eilogin=token_1-A"


def read(header):
    return OURS.read(header)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(MINE, id="alone"),
        pytest.param(f"a=1; {MINE}; b=2", id="among others"),
        pytest.param(f"a=1;{MINE};b=2", id="without blanks"),
        pytest.param(f"  {MINE}  ", id="with blanks around it"),
        pytest.param(f"null; {MINE}", id="behind a word without ="),
        pytest.param(f"x[y]=1; {MINE}", id="behind a name in brackets"),
        pytest.param(f'a={{"b":1,"c":"d"}}; {MINE}', id="behind JSON"),
        pytest.param(f'a="open; {MINE}', id="behind an open quote"),
        pytest.param(f"=; ;;; {MINE};", id="behind empty pairs"),
        pytest.param(f"a=\xe9\xff\x01; {MINE}", id="behind odd bytes"),
        pytest.param(f"a={'x' * 65536}; {MINE}", id="behind 64 KB"),
        pytest.param(f"{MINE}; {MINE}", id="twice the same"),
        pytest.param(f"a=__Host-eilogin=forged; {MINE}", id="behind its own name"),
    ],
)
def test_it_is_read_whatever_else_is_in_the_header(header):
    assert read(header) == "token_1-A"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="nothing"),
        pytest.param("eilogin=token", id="without the prefix"),
        pytest.param("__Host-eilogin2=token", id="a longer name"),
        pytest.param("x__Host-eilogin=token", id="a longer name at the front"),
        pytest.param("__host-eilogin=token", id="another case"),
        pytest.param(
            "\xa0__Host-eilogin=token", id="a neighbour's, behind a hard space"
        ),
        pytest.param("a=1;\x85__Host-eilogin=token", id="behind a next line"),
        pytest.param("a=1; \x1c__Host-eilogin=token", id="behind a file separator"),
        pytest.param("a=b __Host-eilogin=token", id="inside of a value"),
        pytest.param("__Host-eilogin=", id="empty"),
        pytest.param("__Host-eilogin", id="without ="),
        pytest.param("__Host-eilogin=one; __Host-eilogin=two", id="two values"),
        pytest.param(f"{MINE}; a=1; __Host-eilogin=", id="a value and none"),
    ],
)
def test_other_cookies_are_not_read_as_session_cookie(header):
    assert read(header) is None


def test_a_request_without_cookies_has_none():
    assert OURS.read("") is None
    assert names("", "eilogin") == []


def test_a_header_made_to_be_slow_is_not():
    many = "; ".join(["x=__Host-eilogin=__Host-eilogin=y"] * 8000)
    assert read(many) is None
    assert cpu_seconds(lambda: read(many)) < 0.5


@given(st.text(st.characters(max_codepoint=255, exclude_characters=";"), max_size=60))
def test_no_neighbour_hides_it(neighbour):
    if neighbour.strip(" \t").startswith("__Host-eilogin="):
        return
    assert read(f"{neighbour}; {MINE}; {neighbour}") == "token_1-A"


def test_it_is_set_for_this_host_alone():
    assert OURS.set("token") == (
        "Set-Cookie",
        "__Host-eilogin=token; Path=/; Secure; HttpOnly; SameSite=Lax",
    )


def test_it_may_last_and_may_follow_a_post_of_another_site():
    assert Cookie("tab", same_site="None").set("x", max_age=120) == (
        "Set-Cookie",
        "__Host-tab=x; Max-Age=120; Path=/; Secure; HttpOnly; SameSite=None",
    )


def test_it_expires():
    assert OURS.expire()[1].startswith("__Host-eilogin=; Max-Age=0; Path=/; Secure")


@pytest.mark.parametrize("value", ["a;b", "a b", "a,b", 'a"b', "a\nb", "a\\b", "é"])
def test_a_value_that_could_be_more_than_a_value_is_refused(value):
    with pytest.raises(ValueError, match="not a value"):
        OURS.set(value)


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "é", "a\n"])
def test_a_name_that_could_be_more_than_a_name_is_refused(name):
    with pytest.raises(ValueError, match="not the name"):
        Cookie(name)


def test_names_of_a_family_are_found_each_once_in_order():
    header = (
        "__Host-login-b=1; eilogin=2; __Host-login-a=3; __Host-login-b=4; "
        "__Host-login-[x]=5; login-c=6; \xa0__Host-login-e=7; __Host-login-d"
    )
    assert names(header, "login-") == ["login-b", "login-a", "login-d"]


def test_the_option_takes_a_name_with_or_without_its_prefix():
    adapter = TypeAdapter(CookieName)
    assert adapter.validate_python(" __Host-uwv ") == "uwv"
    assert adapter.validate_python("uwv") == "uwv"
    for wrong in ("a b", 1):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


@pytest.mark.parametrize(
    ("header", "rest"),
    [
        ("__Host-eilogin=q7Xw2", ""),
        ("__Host-eilogin=q7Xw2; taal=nl", "taal=nl"),
        ("taal=nl; __Host-eilogin=q7Xw2", "taal=nl"),
        ("taal=nl; __Host-eilogin=q7Xw2; kleur=rood", "taal=nl; kleur=rood"),
        ("taal=nl;__Host-eilogin=q7Xw2;kleur=rood", "taal=nl;kleur=rood"),
        ("a=1; __Host-eilogin=q7Xw2; b=2; __Host-eilogin=other; c=3", "a=1; b=2; c=3"),
        ("a=1; x__Host-eilogin=q7Xw2; b=2", "a=1; x__Host-eilogin=q7Xw2; b=2"),
        ("a=__Host-eilogin=q7Xw2; b=2", "a=__Host-eilogin=q7Xw2; b=2"),
        ("; __Host-eilogin=q7Xw2", ""),
        ("taal=nl; kleur=rood", "taal=nl; kleur=rood"),
    ],
)
def test_it_is_left_out_of_a_header_and_nothing_else_is(header, rest):
    assert Cookie("eilogin").left_out_of(header) == rest
