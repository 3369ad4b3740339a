"""The policy of an application still forbids all but our script."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from policy_reader import FALLBACKS, OTHERS, Load, allows, directives

from eilogin.participant.injection.content_security_policy import Ours, extend

PAGE = "https://uwv.test/mijn"
OURS = Ours(
    origin="https://uwv.test",
    script="https://uwv.test/eilogin/warning.js",
    session="https://uwv.test/eilogin/session",
    digest="sha256-b3Vycw==",
)
NAME = "Content-Security-Policy"

SOURCES = (
    *("'none'", "'self'", "*", "https:", "http:", "data:", "cdn.test", "*.uwv.test"),
    *("'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "'strict-dynamic'"),
    *(
        "'nonce-r4nd0m'",
        "'nonce-'",
        "'sha256-YXBw'",
        "'report-sample'",
        "'UNSAFE-inline'",
    ),
    *("https://uwv.test", "https://uwv.test/eilogin/", "https://uwv.test:444", "blob:"),
    *("https://uwv.test/up/", "HTTPS://UWV.TEST", "uwv.test/eilogin/session", "'bad"),
)
NAMES = (
    *{name for chain in FALLBACKS.values() for name in chain},
    *("Script-Src", "x-unknown", "", *OTHERS[:3], "report-uri"),
)
DIRECTIVES = st.tuples(
    st.sampled_from(["", " ", "\t"]),
    st.sampled_from(sorted(NAMES)),
    st.lists(st.sampled_from(SOURCES), max_size=4),
).map(lambda parts: parts[0] + " ".join([parts[1], *parts[2]]))
POLICIES = st.lists(
    st.lists(DIRECTIVES, max_size=5).map(";".join), min_size=1, max_size=3
).map(",".join)

URLS = (
    "https://uwv.test/up/evil.js",
    "https://uwv.test/eilogin/warning.js/",
    "https://uwv.test/eilogin/warningXjs",
    "https://uwv.test/eilogin/session/all",
    "https://uwv.test/eilogin/",
    "https://www.uwv.test/eilogin/warning.js",
    "https://uwv.test:444/eilogin/session",
    "http://uwv.test/eilogin/warning.js",
    "https://cdn.test/x",
    "https://attacker.test/eilogin/warning.js",
    "data:text/javascript,1",
)
#: All that a page, or whoever got markup into it, may try; but for what is ours.
LOADS = [
    *(Load(kind, url) for kind in FALLBACKS if kind != "eval" for url in URLS),
    *(Load("script-elem", url, digest="sha256-b3RoZXI=") for url in URLS),
    *(Load("script-elem", url, nonce=n) for url in URLS for n in ("r4nd0m", "any")),
    *(Load(kind) for kind in ("script-elem", "script-attr", "style", "eval")),
    *(Load("script-elem", digest=digest) for digest in ("sha256-YXBw", "sha256-eA==")),
    *(Load("script-attr", digest=digest) for digest in ("sha256-YXBw", "sha256-eA==")),
    Load("script-elem", nonce="r4nd0m"),
    Load("script-elem", nonce="guess"),
    # Ours, where it is no script and no question of it.
    *(
        Load(kind, url)
        for kind in FALLBACKS
        if kind not in ("script-elem", "connect", "worker", "eval")
        for url in (OURS.script, OURS.session)
        if (kind, url) != ("script-attr", OURS.script)
    ),
]


@pytest.mark.parametrize("load", LOADS[:3])
def test_the_reader_of_policies_tells_yes_from_no(load):
    assert not allows("default-src 'none'", load, PAGE)
    assert allows("img-src 'none'", load._replace(kind="font"), PAGE)


@given(POLICIES)
@example("default-src 'none'")
@example("default-src 'unsafe-inline' cdn.test")
@example("script-src 'unsafe-inline' 'nonce-'; default-src 'none'")
@example("script-src 'strict-dynamic' 'nonce-r4nd0m' 'unsafe-inline' https:")
@example("worker-src 'none'; default-src 'unsafe-eval'")
def test_all_that_was_allowed_is_so_and_nothing_else(policy):
    found = extend([(NAME, policy)], OURS)
    assert not found.obstacle
    [(_, extended)] = found.headers
    for load in LOADS:
        assert allows(extended, load, PAGE) == allows(policy, load, PAGE), load
    for before, after in zip(policy.split(","), extended.split(","), strict=True):
        for name in OTHERS:
            assert directives(before).get(name) == directives(after).get(name)


@given(POLICIES)
@example("default-src 'none'")
def test_the_script_runs_and_asks_under_every_policy(policy):
    found = extend([(NAME, policy)], OURS)
    [(_, extended)] = found.headers
    digest = OURS.digest if found.by_digest else ""
    assert allows(extended, Load("script-elem", OURS.script, digest=digest), PAGE)
    assert allows(extended, Load("connect", OURS.session), PAGE)


@given(POLICIES)
def test_a_second_filter_adds_nothing_more(policy):
    once = extend([(NAME, policy)], OURS).headers
    [(_, text)] = extend(once, OURS).headers
    assert text.count(OURS.session) == once[0][1].count(OURS.session)


@given(st.text(st.characters(max_codepoint=0xFF)))
@example("default-src 'none'\r\nSet-Cookie: a=b")
@example("script-src 'none'\n, default-src 'self'")
def test_no_text_of_an_application_makes_another_header(text):
    found = extend([(NAME, text)], OURS)
    [(name, value)] = found.headers
    assert name == NAME
    assert found.obstacle or value.isascii()
    assert value == text or not {"\r", "\n", "\0"} & {*value}
