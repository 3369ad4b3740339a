"""The rule that holds for each request."""

from io import BytesIO
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.config import Options, option, read
from eilogin.errors import InvalidOptions, PathRefused
from eilogin.participant.policy.attribute_conditions import Condition
from eilogin.participant.policy.path_rules import PathRules, ProtectLines
from eilogin.participant.policy.strictest_rule import NEEDS, PathRule, strictest
from eilogin.web import environ as env
from eilogin.web.visit import Visit

EXAMPLE = PathRules.parse(
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


def mounted_at(mount):
    return {env.TRUST: SimpleNamespace(own=SimpleNamespace(mount=mount))}


def need(rules, path, method="GET", mount="", **more):
    """What a request needs, for a path that is text."""
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        **mounted_at(mount),
        **more,
    }
    return rules.rule_of(Visit(environ)).need


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("", "optional"),
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
        ("/cafe\u0301/x", "off"),
        ("/100%", "hoog"),
        ("/nieuws/" + "x" * 300, "optional"),
    ],
)
def test_the_longest_line_wins_on_the_boundaries_of_segments(path, rule):
    assert need(EXAMPLE, path) == rule
    assert EXAMPLE.rule_for(path) == PathRule(rule)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        pytest.param("/mijn/bezw%61ar", "midden", id="the decoded reading is stricter"),
        pytest.param("/st%61tic", "basis", id="the raw reading is stricter"),
        pytest.param("/nieuws/%69ntern", "midden", id="below an open path"),
        pytest.param("/nieuws;v=1/intern/x", "midden", id="with parameters"),
        pytest.param("/nieuws/x;/intern", "optional", id="with none in the way"),
        pytest.param("/nieuws/intern;x/y;z", "midden", id="with parameters twice"),
        pytest.param("/static/x?/y", "off", id="with a second query"),
        pytest.param("/mijn/hulp?/x", "basis", id="cut short it is less strict"),
        pytest.param("/nieuws/intern./x", "midden", id="as Windows has it"),
        pytest.param("/nieuws/\uff49ntern", "midden", id="of full width"),
        pytest.param("/nieuws/@@intern", "midden", id="as a view"),
        pytest.param("/nieuws/@@intern/x", "midden", id="below a view"),
        pytest.param("/nieuws/++view++intern", "midden", id="as a view in full"),
        pytest.param("/nieuws/%40%40intern", "midden", id="as a view, encoded"),
        pytest.param("/++lang++nl/nieuws/++skin++x/intern", "midden", id="namespaces"),
        pytest.param("/@@static/x", "basis", id="a view is not open by its name"),
        pytest.param("/@static", "basis", id="no view"),
    ],
)
def test_a_path_with_two_readings_gets_the_stricter_rule(path, rule):
    assert need(EXAMPLE, path) == rule


def test_a_path_that_may_end_before_it_does_needs_what_is_needed_there():
    rules = PathRules.parse(["/ off", "=/mijn hoog"])
    assert need(rules, "/mijn/x") == "off"
    assert need(rules, "/mijn;v=1/x") == "hoog"
    assert need(rules, "/mijn#/x") == "hoog"


def test_a_view_without_a_name_is_the_page_itself():
    rules = PathRules.parse(["/ off", "=/mijn hoog"])
    assert need(rules, "/mijn/@@") == "hoog"
    assert need(rules, "/mijn/@@/x") == "hoog"
    assert need(rules, "/mijn/++lang++nl") == "hoog"
    assert need(rules, "/mijn/@x") == "off"


def test_a_line_for_a_view_holds_by_both_its_names():
    rules = PathRules.parse(
        [
            "/@@open           optional",
            "/@@open/sub       off",
            "/mijn             midden",
            "=/mijn/@@dossier  hoog",
            "/++theme++stad    off",
        ]
    )
    for name in ("open", "@@open"):
        assert need(rules, f"/{name}") == "optional"
        assert need(rules, f"/{name}/x") == "optional"
    assert need(rules, "/open/sub") == "off"
    assert need(rules, "/@@open/sub") == "optional", "it may be the view, with the rest"
    for name in ("dossier", "@@dossier", "++view++dossier"):
        assert need(rules, f"/mijn/{name}") == "hoog"
    assert need(rules, "/++theme++stad/a.css") == "off"
    assert need(rules, "/++theme++ander/a.css") == "basis"
    assert need(rules, "/stad") == "basis"


def test_a_path_may_be_too_long():
    assert need(EXAMPLE, "/nieuws" + "/x" * 4000) == "optional"
    with pytest.raises(PathRefused, match="8192 octets"):
        need(EXAMPLE, "/nieuws" + "/x" * 4096)
    with pytest.raises(PathRefused, match="8192 octets"):
        need(EXAMPLE, "/x" * 3000, SCRIPT_NAME="/nieuws" + "/y" * 3000)
    with pytest.raises(PathRefused, match="8192 octets"):
        zope("/nieuws" + "/x" * 4096)


def test_path_without_rule_needs_basis_or_level_of_root():
    assert need(PathRules.parse([]), "/x/y") == "basis"
    assert need(PathRules.parse(["/ off"]), "/x/y") == "off"
    assert need(PathRules.parse(["/ off", "=/ midden"]), "/") == "midden"


@given(
    st.dictionaries(
        st.lists(st.sampled_from("abc"), max_size=3).map(lambda s: "/" + "/".join(s)),
        st.sampled_from(NEEDS),
    ),
    st.lists(st.sampled_from("abcd"), max_size=4),
)
def test_rules_agree_with_a_plain_search(lines, segments):
    rules = PathRules.parse([f"{path} {rule}" for path, rule in lines.items()])
    prefixes = ["/" + "/".join(segments[:n]) for n in range(len(segments), -1, -1)]
    expected = next((lines[p] for p in prefixes if p in lines), "basis")
    assert need(rules, "/" + "/".join(segments)) == expected


def test_the_mount_is_part_of_the_path_however_it_is_split():
    rules = PathRules.parse(["/ off", "/app/mijn midden"])
    assert need(rules, "/mijn/x", SCRIPT_NAME="/app") == "midden"
    assert need(rules, "/x", SCRIPT_NAME="/app/mijn") == "midden"
    assert need(rules, "", SCRIPT_NAME="/app/mijn") == "midden"
    assert need(rules, "/app/mijn/x") == "midden"
    assert need(rules, "/mijn/x") == "off"


def test_script_name_sent_by_client_needs_level_of_both_splits():
    rules = PathRules.parse(
        ["/ optional", "/static off", "/mijn midden", "/app/geld hoog"]
    )
    assert need(rules, "/mijn/x", SCRIPT_NAME="/static") == "midden"
    assert need(rules, "/x", SCRIPT_NAME="/mijn") == "midden"
    assert need(rules, "/x", SCRIPT_NAME="/static") == "optional"
    assert need(rules, "/geld", SCRIPT_NAME="/app/static") == "optional"
    assert need(rules, "/geld", mount="/app", SCRIPT_NAME="/app/static") == "hoog"
    assert need(rules, "/mijn", mount="/app", SCRIPT_NAME="/app") == "optional"
    with pytest.raises(PathRefused):
        need(rules, "mijn", SCRIPT_NAME="/static/")


def test_a_path_that_is_refused_stays_so():
    for _ in range(2):
        with pytest.raises(PathRefused):
            need(EXAMPLE, "/nieuws/../mijn")


# --- methods ----------------------------------------------------------------------

BY_METHOD = PathRules.parse(
    [
        "/             optional",
        "/api          basis     methods=GET,PUT",
        "/api          midden",
        "/api          off       methods=OPTIONS",
        "/forms        midden    methods=POST",
        "/hooks        off       methods=POST",
        "/api/v2       hoog      methods=DELETE",
        "=/api/v2/help off       methods=GET",
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "rule"),
    [
        ("GET", "/api/x", "basis"),
        pytest.param("HEAD", "/api/x", "basis", id="HEAD is what GET is"),
        ("POST", "/api/x", "midden"),
        ("OPTIONS", "/api/x", "off"),
        pytest.param("get", "/api/x", "midden", id="another case may be either"),
        pytest.param("options", "/api/x", "midden", id="and is not open"),
        ("POST", "/forms", "midden"),
        pytest.param("GET", "/forms", "midden", id="nobody said it is open"),
        pytest.param("GET", "/hooks", "optional", id="as above, not as its own line"),
        ("POST", "/hooks", "off"),
        ("DELETE", "/api/v2", "hoog"),
        pytest.param("GET", "/api/v2", "hoog", id="stricter than the line above"),
        pytest.param("OPTIONS", "/api/v2", "hoog", id="than an exemption above too"),
        pytest.param("GET", "/api/v2/help", "off", id="exact"),
        pytest.param("DELETE", "/api/v2/help", "hoog", id="exact, for others"),
    ],
)
def test_a_line_can_hold_for_some_methods(method, path, rule):
    assert need(BY_METHOD, path, method) == rule
    if method.isupper():
        assert BY_METHOD.rule_for(path, method).need == rule


@pytest.mark.parametrize(
    "asking",
    [
        {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"},
        {"HTTP_X_HTTP_METHOD": " delete"},
        {"HTTP_X_METHOD_OVERRIDE": "Delete"},
        {"QUERY_STRING": "a=b&_method=delete"},
        {"QUERY_STRING": "_method=%44ELETE"},
        {"QUERY_STRING": "x=_method&%5Fmethod=DELETE"},
        {"QUERY_STRING": "a;_meth%6fd=DELETE;b=c"},
        {"QUERY_STRING": "_method=GET&+_method=DELETE"},
    ],
)
def test_method_override_needs_level_of_both_methods(asking):
    rules = PathRules.parse(["/ off", "/x off", "/x hoog methods=DELETE"])
    assert need(rules, "/x", "POST") == "off"
    assert need(rules, "/x", "POST", **asking) == "hoog"
    assert need(rules, "/y", "POST", **asking) == "off"


def test_a_query_may_have_too_many_fields():
    rules = PathRules.parse(["/x off", "/x hoog methods=DELETE"])
    assert need(rules, "/x", QUERY_STRING="a&" * 999) == "off"
    with pytest.raises(PathRefused, match="1000 fields"):
        need(rules, "/x", QUERY_STRING="a&" * 1000 + "_method=DELETE")


def test_two_readings_with_methods_get_the_stricter_of_each():
    rules = PathRules.parse(["/ off", "/x basis methods=GET", "/x off"])
    assert need(rules, "/x;y", "GET") == "basis"
    assert need(rules, "/x;y", "POST") == "off"


# --- other paths than that of the request -----------------------------------------


@pytest.mark.parametrize("method", ["COPY", "MOVE", "move", "POST", "GET"])
def test_a_destination_is_reached_too(method):
    def at(destination, **more):
        return need(EXAMPLE, "/nieuws", method, HTTP_DESTINATION=destination, **more)

    assert at("https://uwv.test/mijn/bezw%61ar/x") == "midden"
    assert at("/static/x") == "optional"
    assert at("/caf%C3%A9") == "optional"
    assert at("/nieuws/intern?x") == "midden"
    assert at("/app/nieuws", SCRIPT_NAME="/app", mount="/app") == "basis"
    for wrong in ("/mijn/../x", "/mijn%2fx", "http://[", "mijn", "//nieuws/mijn"):
        with pytest.raises(PathRefused):
            at(wrong)


def test_a_destination_is_below_the_mount():
    rules = PathRules.parse(["/app optional", "/app/mijn midden"])

    def at(destination, script="/app", mount="/app"):
        more = {"HTTP_DESTINATION": destination, "SCRIPT_NAME": script}
        return need(rules, "/nieuws", "MOVE", mount, **more)

    assert at("https://uwv.test/app/x") == "optional"
    assert at("https://uwv.test/app/mijn") == "midden"
    assert at("https://uwv.test/app/x/mijn", script="/app/x") == "midden"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/bezwaar", {"HTTP_X_VHM_ROOT": "/mijn"}),
        ("/", {"HTTP_X_VHM_ROOT": "/mijn/bezwaar/"}),
        ("/static/mijn/bezwaar", {"HTTP_X_SCRIPT_NAME": "/static"}),
        ("/static/mijn/bezwaar", {"HTTP_X_SCRIPT_NAME": "/static/"}),
        ("/static/xmijn/bezwaar", {"HTTP_X_SCRIPT_NAME": "/static/x"}),
        ("/static/mijn/bezwaar", {"HTTP_X_FORWARDED_PREFIX": "/static , /x"}),
        ("/static", {"HTTP_X_ORIGINAL_URL": "/mijn/bezwaar?next=//x"}),
        ("/static", {"HTTP_X_REWRITE_URL": "https://uwv.test/mijn/bezw%61ar"}),
        (
            "/static/bezwaar",
            {"HTTP_X_SCRIPT_NAME": "/static", "HTTP_X_VHM_ROOT": "/mijn"},
        ),
        (
            "/static",
            {"HTTP_X_ORIGINAL_URL": "/x/bezwaar", "HTTP_X_SCRIPT_NAME": "/x",
             "HTTP_X_VHM_ROOT": "/mijn"},
        ),
    ],
)  # fmt: skip
def test_a_header_that_leads_elsewhere_makes_nothing_open(path, headers):
    rules = PathRules.parse(["/ optional", "/static off", "/mijn/bezwaar midden"])
    assert need(rules, path, **headers) == "midden"
    below = PathRules.parse(["/app off", "/app/mijn/bezwaar midden"])
    assert need(below, path, mount="/app", SCRIPT_NAME="/app", **headers) == "midden"
    for name in headers:
        assert need(rules, path, **{name: "/"}) != "midden"


@pytest.mark.parametrize("name", ["ORIGINAL_URL", "REWRITE_URL"])
def test_a_path_in_the_place_of_that_of_the_request_may_have_its_mount(name):
    rules = PathRules.parse(["/ optional", "/app off", "/app/mijn midden"])
    more = {f"HTTP_X_{name}": "/app/mijn", "SCRIPT_NAME": "/app"}
    assert need(rules, "/static", mount="/app", **more) == "midden"


@pytest.mark.parametrize(
    "name",
    ["VHM_ROOT", "SCRIPT_NAME", "FORWARDED_PREFIX", "ORIGINAL_URL", "REWRITE_URL"],
)
@pytest.mark.parametrize("script", ["", "/app"])
@pytest.mark.parametrize("value", ["mijn", "/../mijn", "//mijn", "/caf\xe9", "/a%2fb"])
def test_a_header_that_is_no_path_is_refused(name, script, value):
    with pytest.raises(PathRefused):
        need(
            EXAMPLE,
            "/nieuws",
            mount=script,
            **{"SCRIPT_NAME": script, f"HTTP_X_{name}": value},
        )


def test_a_request_can_be_for_too_many_paths():
    long = "/x" * 2100
    led = {"HTTP_X_ORIGINAL_URL": long, "HTTP_X_VHM_ROOT": "/y"}
    assert need(EXAMPLE, long, **led) == "basis"
    led["HTTP_X_REWRITE_URL"] = long.replace("x", "z")
    with pytest.raises(PathRefused, match="too many"):
        need(EXAMPLE, long, **led)


# --- limits -----------------------------------------------------------------------


def test_a_line_can_have_limits():
    rules = PathRules.parse(
        [
            "/mijn           basis   idle=10m",
            "/mijn/bezwaar   midden  idle=5m max_age=1h",
            "/mijn/geld      basis   max_age=60s methods=POST",
        ]
    )
    assert rules.rule_for("/mijn/x") == PathRule("basis", idle=600)
    assert rules.rule_for("/mijn/bezwaar") == PathRule("midden", idle=300, max_age=3600)
    assert rules.rule_for("/mijn/geld", "POST") == PathRule("basis", max_age=60)
    both = PathRule("basis", idle=600, max_age=60)
    assert rules.rule_for("/mijn/geld") == both, "the stricter in each respect"
    assert rules.rule_for("/") == PathRule("basis")
    assert rules.idle_limits == (300, 600)


def test_the_strictest_is_so_in_every_respect():
    rules = [
        PathRule("midden", max_age=60),
        PathRule("off", idle=300),
        PathRule("basis", idle=600),
    ]
    assert strictest(rules) == PathRule("midden", idle=300, max_age=60)


# --- attributes -------------------------------------------------------------------

ROLE = Condition("role", frozenset(["beheerder"]))
CHIEF = Condition("role", frozenset(["hoofd"]))
ORGANISATION = Condition("urn:oid:2.5.4.10")


def test_a_line_can_name_attributes_beside_limits():
    rules = PathRules.parse(
        [
            "/beheer       substantieel  role=beheerder max_age=5m urn:oid:2.5.4.10=*",
            "/beheer/open  basis",
            "/beheer/geld  hoog          role=hoofd methods=POST",
        ]
    )
    everything = frozenset([ROLE, ORGANISATION])
    inherited = PathRule("substantieel", max_age=300, conditions=everything)
    assert rules.rule_for("/beheer/x") == inherited
    assert rules.rule_for("/beheer/open/x") == PathRule("basis")
    both = PathRule("hoog", max_age=300, conditions=everything | {CHIEF})
    assert rules.rule_for("/beheer/geld", "GET") == both, "all that either needs"
    alone = PathRule("hoog", conditions=frozenset([CHIEF]))
    assert rules.rule_for("/beheer/geld", "POST") == alone
    assert rules.attributes == {"role", "urn:oid:2.5.4.10"}
    assert rules.rule_for("/beheer").has_limits
    assert not rules.rule_for("/beheer/open").has_limits


def test_a_path_with_two_readings_needs_the_attributes_of_both():
    rules = PathRules.parse(["/a basis role=beheerder", "/b optional", "/b/a hoog"])
    assert rules.rule_for("/%61").conditions == {ROLE}
    assert rules.rule_for("/%61;x=1/b").conditions == {ROLE}
    assert rules.rule_for("/b").conditions == frozenset()


def test_the_strictest_has_every_condition():
    rules = [
        PathRule("midden", conditions=frozenset([ROLE])),
        PathRule("off"),
        PathRule("basis", conditions=frozenset([CHIEF, ROLE])),
    ]
    assert strictest(rules) == PathRule("midden", conditions=frozenset([ROLE, CHIEF]))


# --- the lines --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/mijn", "a path and a rule, such as"),
        ("/mijn midden extra", "a path and a rule, such as .* found 'extra'"),
        ("/mijn midden idel=5m", "found 'idel=5m'; did you mean 'idle'"),
        ("/mijn midden Methods=GET", "of that name write 'attribute:Methods=GET'"),
        ("/mijn midden role", "or attributes as in role=admin; found 'role'"),
        ("/mijn midden role=", "such as 'role=admin', found 'role='"),
        ("/mijn midden role=a||b", "such as 'role=admin', found 'role=a\\|\\|b'"),
        ("/mijn midden =a", "such as 'role=admin', found '=a'"),
        ("/mijn midden role=a*", "whole values, or '\\*' alone for any, found"),
        ("/mijn midden role=caf%e9", "names and values in UTF-8, found"),
        (
            "/mijn optional role=a x=*",
            "a level on a line with role and x, found 'optional'",
        ),
        ("/mijn off role=a", "a level on a line with role, found 'off'"),
        ("/mijn midden idle=5m idle=6m", "idle= once on a line, found 'idle=6m' too"),
        ("/mijn midden idle=x", "such as '10m', at least 2m, found 'x'"),
        ("/mijn midden idle=119s", "at least 2m, found '119s'"),
        ("/mijn midden max_age=59", "at least 1m, found '59'"),
        ("/mijn off idle=5m", "a level on a line with idle, found 'off'"),
        (
            "/mijn optional max_age=5m",
            "a level on a line with max_age, found 'optional'",
        ),
        ("/mijn midden methods=", "names such as 'GET,POST', found ''"),
        ("/mijn midden methods=get", "found 'get'"),
        ("/mijn midden methods=GET,", "found 'GET,'"),
        ("/mijn midde", "found 'midde'; did you mean 'midden'"),
        ("/mijn zzz", r"found 'zzz' \(line 2"),
        ("mijn basis", "begins with '/' or '=/', found 'mijn'"),
        ("/a/../b basis", "found one that has a dot segment"),
        ("/a%2fb%00 basis", "found one that has a control character"),
        ("/mijn/* midden", "a path without "),
        ("/mijn?a=b midden", "a path without "),
        ("=/a//b basis", "found one that has an empty segment"),
        ("/caf%e9 basis", "a path in UTF-8"),
        ("/a;b basis", "a path with only one possible reading, found '/a;b'"),
        ("/m² basis", "a path with only one possible reading"),
        ("/%252e%252e basis", "found one that is encoded twice"),
        ("/... basis", "a path with only one possible reading"),
        ("/mijn/@@ basis", "a path with only one possible reading"),
        ("/++view++/x basis", "a path with only one possible reading"),
        ("/@@@@x basis", "a path with only one possible reading"),
        ("/++acquire++x basis", "found one that has a name that controls Zope"),
        ("/@@nieuws basis", "one line for each path and method, found '/@@nieuws' tw"),
        ("/nieuws/ basis", "one line for each path and method, found '/nieuws/' twice"),
    ],
)
def test_a_line_that_cannot_hold_is_refused_with_its_number(line, message):
    with pytest.raises(ValueError, match=message) as raised:
        PathRules.parse(["/nieuws optional", line])
    assert f"(line 2: {line!r})" in str(raised.value)


def test_a_method_has_one_line_for_each_path():
    with pytest.raises(ValueError, match=r"found '/api', GET twice \(line 3"):
        PathRules.parse(
            [
                "/api off methods=GET",
                "=/api off methods=GET",
                "/api hoog methods=PUT,GET",
            ]
        )


def test_all_faults_are_told_at_once():
    with pytest.raises(ValueError, match=r"line 1.*line 3"):
        PathRules.parse(["/a", "/b basis", "/c nope"])


class SomeOptions(Options):
    protect: ProtectLines = option("lines", default=())


def test_the_option_takes_the_lines_of_an_ini_file():
    options = read(SomeOptions, {}, {"protect": "\n  =/  optional\n\n  /x  off\n"})
    assert need(options.protect, "/") == "optional"
    assert need(options.protect, "/x") == "off"
    assert SomeOptions(protect=options.protect).protect is options.protect
    assert need(read(SomeOptions, {}, {}).protect, "/") == "basis"
    with pytest.raises(InvalidOptions, match=r"expected a path and a rule.*line 1"):
        read(SomeOptions, {}, {"protect": "/x"})


# --- in Zope ----------------------------------------------------------------------

IN_ZOPE = PathRules.parse(
    [
        "/              optional",
        "/mijn          basis",
        "/mijn/bezwaar  midden",
        "=/beheer       hoog",
        "/api           basis  methods=POST",
    ]
)


def zope(path, method="GET", **more):
    """What a request needs whose visitor sees ``path``."""
    seen = env.Visible(path, path)
    more.setdefault("PATH_INFO", "/VirtualHostBase/…")
    return need(IN_ZOPE, "", method, **{env.VISIBLE: seen, **more})


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/nieuws", "optional"),
        ("/mijn/zaken", "basis"),
        ("/mijn/bezwaar/x", "midden"),
        pytest.param("/nieuws/mijn/zaken", "basis", id="acquired"),
        pytest.param("/nieuws/mijn/bezwaar", "midden", id="acquired, deeper"),
        pytest.param("/mijn/nieuws/bezwaar", "midden", id="acquired between"),
        pytest.param("/nieuws/m%69jn;x/bezwaar", "midden", id="acquired in disguise"),
        pytest.param("/bezwaar/mijn", "basis", id="in another order"),
        pytest.param("/nieuws/beheer", "hoog", id="acquired, exact"),
        pytest.param("/nieuws/beheer;x/y", "hoog", id="acquired, exact, cut short"),
        pytest.param("/nieuws/beheer/x", "optional", id="not exact"),
        pytest.param("/nieuws/@@beheer", "hoog", id="acquired, as a view"),
        pytest.param("/nieuws/beheer/++api++", "hoog", id="acquired, exact, nowhere"),
        pytest.param("/++api++/mijn/++view++bezwaar", "midden", id="through an API"),
        ("/nieuws/api", "basis"),
    ],
)
def test_in_zope_a_line_holds_wherever_its_names_are(path, rule):
    assert zope(path) == rule


RESOURCES = (
    "/                    basis",
    "/++plone++static     off",
    "/++resource++        off",
    "/++resource++mijn    midden",
    "/++webresource++     off",
    "/++api++             optional",
    "/mijn                midden",
    "/open                off",
)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/++plone++static/a.css", "off"),
        ("/++plone++other/a.css", "basis"),
        ("/++resource++x/a.css", "off"),
        ("/++resource++", "off"),
        ("/++resource++mijn/a.css", "midden"),
        ("/++resource++x;y/a.css", "off"),
        ("/++resources++x", "basis"),
        ("/++resource+x", "basis"),
        ("/x++resource++x", "basis"),
        ("/nieuws/++resource++x", "basis"),
        ("/++webresource++x/++resource++x/a.css", "off"),
        ("/++webresource++x/++plone++static/a.css", "off"),
        ("/++webresource++x/++plone++other/a.css", "basis"),
        ("/++webresource++x", "basis"),
        ("/++webresource++x/nieuws", "basis"),
        ("/++webresource++x/mijn", "midden"),
        ("/++api++/nieuws", "basis"),
        ("/++api++/open/x", "optional"),
        ("/++api++/++webresource++x/nieuws", "basis"),
        ("/%252b%252bresource++x", "basis"),
        ("/++view++nieuws", "basis"),
        ("/++lang++nl", "basis"),
    ],
)
@pytest.mark.parametrize("style", ["plain", "zope"])
def test_a_line_holds_for_the_names_of_a_namespace(path, rule, style):
    more = {env.VISIBLE: env.Visible(path, path)} if style == "zope" else {}
    assert need(PathRules.parse(RESOURCES), path, **more) == rule


@pytest.mark.parametrize("path", ["/++resource++x/mijn", "/++resource++x/@@mijn"])
def test_in_zope_a_namespace_that_is_open_opens_no_other_line(path):
    seen = env.Visible(path, path)
    assert need(PathRules.parse(RESOURCES), "", **{env.VISIBLE: seen}) == "midden"


def form(body, kind="application/x-www-form-urlencoded"):
    return {
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"tekst=a%3Amethode", "basis"),
        (b"bezwaar:method=1", "midden"),
        (b"a=b&%3Amethod=bezwaar/x", "midden"),
        (b"a=b&:default_action=/bezwaar", "midden"),
        (b"zaken:method=1", "basis"),
        (b"@@bezwaar:method=1", "midden"),
    ],
)
def test_in_zope_a_form_needs_what_it_calls(body, rule):
    assert zope("/mijn", "POST", **form(body)) == rule


def test_in_zope_a_destination_needs_what_its_page_needs():
    def at(destination):
        return zope("/a", "MOVE", HTTP_DESTINATION=f"https://uwv.test{destination}")

    assert at("/nieuws/mijn/bezwaar") == zope("/nieuws/mijn/bezwaar") == "midden"
    assert at("/nieuws/beheer") == "hoog"
    assert at("/nieuws") == "optional"


def test_in_zope_another_path_needs_what_its_page_needs():
    assert zope("/a", HTTP_X_VHM_ROOT="/x/mijn") == "basis"
    assert zope("/a", HTTP_X_ORIGINAL_URL="/x/mijn/bezwaar") == "midden"
    more = {"HTTP_X_VHM_ROOT": "/mijn", **form(b"bezwaar:method=1")}
    assert zope("/", "POST", **more) == "midden"


def test_in_zope_a_client_may_not_say_where_the_path_is_split():
    rules = PathRules.parse(["/ optional", "/app/mijn midden"])
    seen = env.Visible("/static/mijn", "/mijn")
    assert need(rules, "", mount="/app", **{env.VISIBLE: seen}) == "midden"
    assert need(rules, "", mount="/static", **{env.VISIBLE: seen}) == "optional"


def test_in_zope_xml_rpc_may_call_anything():
    assert zope("/nieuws", "POST", **form(b"<methodCall/>", "text/xml")) == "hoog"
    assert zope("/nieuws", "POST", **form(b"{}", "application/json")) == "optional"


def test_in_zope_a_form_with_files_is_looked_at_unless_it_needs_all_already():
    environ = {
        "REQUEST_METHOD": "POST",
        env.VISIBLE: env.Visible("/nieuws", "/nieuws"),
        **mounted_at(""),
        **form(b"", "multipart/form-data; boundary=x"),
    }
    PathRules.parse(["/ basis"]).rule_of(Visit(environ))
    assert env.UNSEEN_PARTS not in environ
    IN_ZOPE.rule_of(Visit(environ))
    assert environ[env.UNSEEN_PARTS]
