"""Paths in their one spelling, and in all the ways in which they may be read."""

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.errors import PathRefused
from eilogin.participant.policy.path_variants import (
    LONGEST_PATH,
    Segment,
    canonical,
    fault_in,
    is_plain,
    path_of,
    without_view_prefix,
)
from eilogin.web.visit import Visit


def wsgi(path, **more):
    """The environ of a request whose decoded path is ``path``."""
    return {"SCRIPT_NAME": "", "PATH_INFO": path.encode().decode("latin-1"), **more}


def spelled(environ):
    return canonical(path_of(Visit(environ)))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, "/", id="nothing"),
        pytest.param(wsgi("/mijn/zaken"), "/mijn/zaken", id="plain"),
        pytest.param(wsgi("/mijn/"), "/mijn/", id="trailing slash"),
        pytest.param(wsgi("/Mijn"), "/Mijn", id="case is kept"),
        pytest.param(wsgi("/x", SCRIPT_NAME="/app"), "/app/x", id="mounted"),
        pytest.param(wsgi("", SCRIPT_NAME="/app"), "/app", id="the mount itself"),
        pytest.param(wsgi("/café"), "/café", id="UTF-8"),
        pytest.param(wsgi(normalize("NFD", "/café")), "/café", id="composed"),
        pytest.param(wsgi("/a\u00a0b"), "/a\u00a0b", id="a hard space"),
        pytest.param(wsgi("/.well-known/x"), "/.well-known/x", id="a hidden file"),
        pytest.param(wsgi("/a..b/c."), "/a..b/c.", id="dots inside of segments"),
        pytest.param(wsgi("/100%"), "/100%", id="a per cent sign"),
        pytest.param(wsgi("/a", REQUEST_URI="/%61?x=%2f"), "/a", id="slash in query"),
        pytest.param(
            wsgi("/a", REQUEST_URI="https://uwv.test/%61?x"), "/a", id="absolute form"
        ),
    ],
)
def test_a_path_has_one_spelling(environ, expected):
    assert spelled(environ) == expected


@pytest.mark.parametrize(
    "path",
    [
        "mijn",
        "*",
        "https://uwv.test/mijn",
        "//mijn",
        "/mijn//x",
        "/.",
        "/..",
        "/../mijn",
        "/nieuws/../mijn",
        "/nieuws/./x",
        "/nieuws\\x",
        "/a\x00",
        "/a\nb",
        "/a\x7fb",
        "/a\u0085b",
        "/nieuws%2f..",
        "/nieuws%5Cx",
        "/%2e%2E/mijn",
        "/a%00",
        "/a%0ab",
        "/%u006dijn",
        "/VirtualHostBase/https/uwv.test:443/mijn/VirtualHostRoot/zaken",
        "/nieuws/VirtualHostRoot",
        "/++vh++https:uwv.test:443/nieuws/++/mijn",
        "/nieuws/++acquire++mijn",
        pytest.param("/x" * (LONGEST_PATH // 2) + "/", id="too long"),
        pytest.param("/é" * (LONGEST_PATH // 3 + 1), id="too long in octets"),
    ],
)
def test_a_path_with_two_meanings_is_refused(path):
    with pytest.raises(PathRefused):
        spelled(wsgi(path))


@pytest.mark.parametrize("key", ["REQUEST_URI", "RAW_URI"])
def test_an_encoded_slash_is_refused_where_the_server_tells(key):
    with pytest.raises(PathRefused, match="encoded slash"):
        spelled(wsgi("/nieuws/mijn", **{key: "/nieuws%2Fmijn?x"}))


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"/caf\xe9", id="latin-1"),
        pytest.param(b"/nieuws\xc0\xafmijn", id="a slash, overlong"),
        pytest.param(b"/nieuws\xe0\x80\xafmijn", id="a slash, longer still"),
        pytest.param(b"/\xed\xa0\x80", id="half a character"),
    ],
)
def test_a_path_that_is_not_utf_8_is_refused(octets):
    with pytest.raises(PathRefused, match="UTF-8"):
        spelled({"PATH_INFO": octets.decode("latin-1")})


@pytest.mark.parametrize(
    ("mount", "path"), [("/mi", "jn"), ("/mijn/", "x"), ("/", "x")]
)
def test_a_mount_and_a_path_meet_at_a_slash(mount, path):
    with pytest.raises(PathRefused, match="slash"):
        spelled(wsgi(path, SCRIPT_NAME=mount))


@given(st.text(max_size=30))
def test_any_path_is_rejected_or_normalized(text):
    try:
        path = spelled(wsgi("/" + text.encode(errors="replace").decode()))
    except PathRefused:
        return
    segments = path.split("/")
    assert not {".", ".."} & set(segments)
    assert "" not in segments[1:-1]
    assert "\\" not in path


def test_a_path_may_be_long():
    path = "/x" * (LONGEST_PATH // 2)
    assert is_plain(path)
    assert spelled(wsgi(path)) == path
    assert not is_plain(path + "/")


@given(st.text("ab/.%; é\\?#@+\x00\x7f", max_size=12) | st.text(max_size=12))
def test_plain_path_has_no_fault_and_one_reading(text):
    path = f"/{text}"
    if is_plain(path):
        assert not fault_in(path)
        for name in path.strip("/").split("/"):
            assert not name or Segment.of(name).readings == (name,)


# --- how else it may be read ------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "readings"),
    [
        ("mijn", set()),
        ("mijn;v=1", {"mijn"}),
        ("mijn?x", {"mijn"}),
        ("mijn#x", {"mijn"}),
        ("mijn;v=1?x", {"mijn", "mijn;v=1"}),
        ("mijn.", {"mijn"}),
        (" mijn. .", {"mijn"}),
        ("m%69jn", {"mijn"}),
        ("m%2569jn", {"m%69jn", "mijn"}),
        ("mijn%3Bx", {"mijn;x", "mijn"}),
        ("\uff4dijn", {"mijn"}),
        ("ﬁets", {"fiets"}),
        ("100%", set()),
        ("café", set()),
        ("caf%C3%A9", {"café"}),
        ("@@mijn", {"mijn"}),
        ("++view++mijn", {"mijn"}),
        ("++item++mijn;x", {"++item++mijn", "mijn", "mijn;x"}),
        ("++attribute++mijn", {"mijn"}),
        ("%40@mijn", {"@@mijn", "mijn"}),
        ("@@", set()),
        ("++theme++mijn", set()),
        ("@mijn", set()),
        ("a++view++b@@", set()),
    ],
)
def test_a_name_has_readings(name, readings):
    found = Segment.of(name).readings
    assert found[0] == name
    assert set(found[1:]) == readings - {name}


@pytest.mark.parametrize(
    ("name", "is_last"),
    [
        ("a", False),
        ("a;b", True),
        ("a%3fb", True),
        ("a#", True),
        ("a.", False),
        ("@@a", True),
        ("@@", True),
        ("++view++a", False),
    ],
)
def test_behind_parameters_a_path_may_be_over(name, is_last):
    assert Segment.of(name).may_be_last is is_last


@pytest.mark.parametrize(
    ("name", "leads_nowhere"),
    [
        ("++lang++nl", True),
        ("++api++", True),
        ("%2b%2bapi%2b%2b", True),
        ("@@", True),
        ("@@a", False),
        ("++a", False),
        ("a++b++", False),
    ],
)
def test_a_name_may_lead_nowhere(name, leads_nowhere):
    assert Segment.of(name).may_lead_nowhere is leads_nowhere


def test_a_name_is_called_plainly():
    names = ("@@a", "++view++a", "a", "++lang++nl", "@@", "++view++")
    assert [*map(without_view_prefix, names)] == ["a", "a", "a", "++lang++nl", "", ""]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(";v=1", id="nothing but parameters"),
        pytest.param("..;v=1", id="dots with parameters"),
        pytest.param("...", id="dots alone"),
        pytest.param(" ", id="a blank"),
        pytest.param("\uff0e\uff0e", id="dots of full width"),
        pytest.param("a\uff0fb", id="a slash of full width"),
        pytest.param("a%252fb", id="a slash, encoded thrice"),
        pytest.param("a%25255cb", id="a backslash, encoded four times"),
        pytest.param("VirtualHostRoot;x", id="what Zope obeys"),
        pytest.param("caf%e9", id="not UTF-8 when decoded again"),
        pytest.param("%" + "25" * 30 + "41", id="too many"),
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused(name):
    with pytest.raises(PathRefused):
        Segment.of(name)
