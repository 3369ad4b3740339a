"""Paths in their one spelling, and the rule that holds for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.errors import InvalidOptions, PathRefused
from eilogin.settings import Options, option, read
from eilogin.web.paths import RULES, ProtectLines, Rules, canonical

EXAMPLE = Rules.parse(
    [
        "=/              optional",
        "/nieuws         optional",
        "/nieuws/intern  midden",
        "/static         off",
        "/mijn/bezwaar   midden",
        "=/mijn/hulp     optional",
        "/caf%C3%A9/     off",
        "/100%           hoog",
    ]
)


def wsgi(path, **more):
    """The environ of a request whose decoded path is ``path``."""
    return {"SCRIPT_NAME": "", "PATH_INFO": path.encode().decode("latin-1"), **more}


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
        pytest.param(wsgi("/a\u00a0b"), "/a\u00a0b", id="a hard space"),
        pytest.param(wsgi("/.well-known/x"), "/.well-known/x", id="a hidden file"),
        pytest.param(wsgi("/a..b/c."), "/a..b/c.", id="dots inside of segments"),
        pytest.param(wsgi("/100%"), "/100%", id="a per cent sign"),
        pytest.param(wsgi("/a", REQUEST_URI="/%61?x=%2f"), "/a", id="slash in query"),
    ],
)
def test_a_path_has_one_spelling(environ, expected):
    assert canonical(environ) == expected


@pytest.mark.parametrize(
    "path",
    [
        "mijn",
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
    ],
)
def test_a_path_with_two_meanings_is_refused(path):
    with pytest.raises(PathRefused):
        canonical(wsgi(path))


@pytest.mark.parametrize("key", ["REQUEST_URI", "RAW_URI"])
def test_an_encoded_slash_is_refused_where_the_server_tells(key):
    with pytest.raises(PathRefused, match="encoded slash"):
        canonical(wsgi("/nieuws/mijn", **{key: "/nieuws%2Fmijn?x"}))


def test_a_path_that_is_not_utf_8_is_refused():
    with pytest.raises(PathRefused, match="UTF-8"):
        canonical({"PATH_INFO": "/caf\xe9"})


@given(st.text(max_size=30))
def test_whatever_comes_is_refused_or_plain(text):
    try:
        path = canonical(wsgi("/" + text.encode(errors="replace").decode()))
    except PathRefused:
        return
    segments = path.split("/")
    assert not {".", ".."} & set(segments)
    assert "" not in segments[1:-1]
    assert "\\" not in path


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/", "optional"),
        ("/index.html", "basis"),
        ("/nieuws", "optional"),
        ("/nieuws/", "optional"),
        ("/nieuws/2026/x", "optional"),
        ("/nieuwsbrief", "basis"),
        ("/nieuws/intern/x", "midden"),
        ("/Nieuws", "basis"),
        ("/static/a.css", "off"),
        ("/mijn", "basis"),
        ("/mijn/bezwaar", "midden"),
        ("/mijn/bezwaar/nieuw", "midden"),
        ("/mijn/hulp", "optional"),
        ("/mijn/hulp/", "optional"),
        ("/mijn/hulp/x", "basis"),
        ("/café/x", "off"),
        ("/100%", "hoog"),
    ],
)
def test_the_longest_line_wins_on_the_boundaries_of_segments(path, rule):
    assert EXAMPLE.rule_for(path) == rule


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        pytest.param("/mijn/bezw%61ar", "midden", id="the decoded reading is stricter"),
        pytest.param("/st%61tic", "basis", id="the raw reading is stricter"),
        pytest.param("/nieuws/%69ntern", "midden", id="below an open path"),
    ],
)
def test_a_path_with_two_readings_gets_the_stricter_rule(path, rule):
    assert EXAMPLE.rule_for(path) == rule


def test_what_no_line_names_needs_basis_unless_the_root_says_otherwise():
    assert Rules.parse([]).rule_for("/x/y") == "basis"
    assert Rules.parse(["/ off"]).rule_for("/x/y") == "off"
    assert Rules.parse(["/ off", "=/ midden"]).rule_for("/") == "midden"


@given(
    st.dictionaries(
        st.lists(st.sampled_from("abc"), max_size=3).map(lambda s: "/" + "/".join(s)),
        st.sampled_from(RULES),
    ),
    st.lists(st.sampled_from("abcd"), max_size=4),
)
def test_rules_agree_with_a_plain_search(lines, segments):
    rules = Rules.parse([f"{path} {rule}" for path, rule in lines.items()])
    prefixes = ["/" + "/".join(segments[:n]) for n in range(len(segments), -1, -1)]
    expected = next((lines[p] for p in prefixes if p in lines), "basis")
    assert rules.rule_for("/" + "/".join(segments)) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/mijn", "a path and a rule, such as"),
        ("/mijn midden extra", "a path and a rule, such as"),
        ("/mijn midde", "found 'midde'; did you mean 'midden'"),
        ("/mijn zzz", r"found 'zzz' \(line 2"),
        ("mijn basis", "begins with '/' or '=/', found 'mijn'"),
        ("/a/../b basis", "found one that has a dot segment"),
        ("/a%2fb%00 basis", "found one that has a control character"),
        ("/mijn/* midden", "a path, which covers all below it"),
        ("/mijn?a=b midden", "a path, which covers all below it"),
        ("=/a//b basis", "found one that has an empty segment"),
        ("/nieuws/ basis", "found '/nieuws/' again"),
    ],
)
def test_a_line_that_cannot_hold_is_refused_with_its_number(line, message):
    with pytest.raises(ValueError, match=message) as raised:
        Rules.parse(["/nieuws optional", line])
    assert f"(line 2: {line!r})" in str(raised.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(ValueError, match=r"line 1.*line 3"):
        Rules.parse(["/a", "/b basis", "/c nope"])


class SomeOptions(Options):
    protect: ProtectLines = option("lines", default=())


def test_the_option_takes_the_lines_of_an_ini_file():
    options = read(SomeOptions, {}, {"protect": "\n  =/  optional\n\n  /x  off\n"})
    assert options.protect.rule_for("/") == "optional"
    assert options.protect.rule_for("/x") == "off"
    assert SomeOptions(protect=options.protect).protect is options.protect
    assert read(SomeOptions, {}, {}).protect.rule_for("/") == "basis"
    with pytest.raises(InvalidOptions, match=r"expected a path and a rule.*line 1"):
        read(SomeOptions, {}, {"protect": "/x"})
