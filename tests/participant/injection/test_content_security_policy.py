"""Policies of applications, with the least added that lets our script run and ask."""

import pytest

from eilogin.participant.injection.content_security_policy import Ours, extend

OURS = Ours(
    origin="https://uwv.test",
    script="https://uwv.test/eilogin/warning.js",
    session="https://uwv.test/eilogin/session",
    digest="sha256-AbC+d/e=",
)
NAME = "Content-Security-Policy"
#: How the additions look in the table below.
SHORT = {"SESSION": OURS.session, "SCRIPT": OURS.script, "HASH": f"'{OURS.digest}'"}


def extended(policy, name=NAME, ours=OURS):
    found = extend([("Content-Type", "text/html"), (name, policy)], ours)
    [kind, (_, text)] = found.headers
    assert kind == ("Content-Type", "text/html")
    return text, found.by_digest, found.obstacle


@pytest.mark.parametrize(
    "policy",
    [
        "",
        " ; ",
        "img-src 'none'; upgrade-insecure-requests;",
        "default-src 'self'",
        "default-src *",
        "default-src https:",
        "default-src HTTPS://UWV.test",
        "DEFAULT-SRC 'none'; script-src 'nonce-a' 'Self'; connect-src https:",
        "default-src 'none'; script-src-elem *; connect-src https://uwv.test/",
        "default-src 'self', script-src http:",
        "connect-src *; script-src 'unsafe-inline' https://uwv.test/eilogin/warning.js",
        "sandbox allow-scripts allow-same-origin allow-popups; script-src 'self'",
    ],
)
def test_a_policy_that_allows_it_stays_as_it_is(policy):
    assert extended(policy) == (policy, False, "")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            "default-src 'none'",
            "default-src 'none'; script-src HASH; connect-src SESSION",
        ),
        (
            "default-src 'None'; img-src data: ; ",
            "default-src 'None'; img-src data: ; script-src HASH; connect-src SESSION",
        ),
        ("script-src", "script-src HASH"),
        ("script-src 'none'", "script-src HASH"),
        (
            "default-src cdn.test; connect-src *",
            "default-src cdn.test; connect-src *; script-src cdn.test HASH",
        ),
        (
            "script-src 'nonce-r4nd0m'; connect-src https://api.test",
            "script-src 'nonce-r4nd0m' HASH; connect-src https://api.test SESSION",
        ),
        (
            "img-src *;Script-Src\t'self' 'strict-dynamic' 'nonce-a';x",
            "img-src *;Script-Src 'self' 'strict-dynamic' 'nonce-a' HASH;x",
        ),
        # The first directive of a name is in force, and so is the most special one.
        (
            "script-src 'self'; script-src-elem 'none'; script-src-elem 'self'",
            "script-src 'self'; script-src-elem HASH; script-src-elem 'self'",
        ),
        # 'strict-dynamic' says nothing of questions.
        (
            "default-src * 'strict-dynamic'",
            "default-src * 'strict-dynamic'; script-src * 'strict-dynamic' HASH",
        ),
    ],
)
def test_the_script_is_allowed_by_its_hash(policy, expected):
    for short, source in SHORT.items():
        expected = expected.replace(short, source)
    assert extended(policy) == (expected, True, "")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            "script-src https://cdn.test 'Unsafe-Inline'",
            "script-src https://cdn.test 'Unsafe-Inline' SCRIPT",
        ),
        # What only looks like a key does not switch 'unsafe-inline' off.
        (
            "script-src 'unsafe-inline' 'nonce-' 'sha1-abc'",
            "script-src 'unsafe-inline' 'nonce-' 'sha1-abc' SCRIPT",
        ),
    ],
)
def test_a_hash_would_switch_off_inline_scripts_of_the_application(policy, expected):
    assert extended(policy) == (expected.replace("SCRIPT", OURS.script), False, "")


def test_a_nonce_is_another_one_each_time():
    for nonce in ("'nonce-a'", "'nonce-b'", "'nonce-any'"):
        text, _, _ = extended(f"default-src {nonce}")
        expected = f"default-src {nonce}; script-src {nonce} '{OURS.digest}'"
        assert text == f"{expected}; connect-src {nonce} {OURS.session}"


def test_only_the_question_is_added_where_the_script_is_allowed():
    policy = "script-src 'self'; connect-src 'none'"
    expected = f"script-src 'self'; connect-src {OURS.session}"
    assert extended(policy) == (expected, False, "")


def test_each_policy_of_a_header_counts():
    text, by_digest, _ = extended("default-src 'self', script-src 'none',,")
    assert text == f"default-src 'self', script-src '{OURS.digest}',,"
    assert by_digest


def test_a_policy_that_only_reports_is_extended_too():
    name = "content-security-policy-report-only"
    text, by_digest, _ = extended("script-src 'none'; report-uri /r", name)
    assert text == f"script-src '{OURS.digest}'; report-uri /r"
    assert by_digest


@pytest.mark.parametrize("policy", ["default-src \xe9", "sandbox; script-src 'self'"])
def test_a_policy_that_only_reports_is_no_obstacle(policy):
    assert extended(policy, f"{NAME}-Report-Only") == (policy, False, "")


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("sandbox", "sandbox"),
        ("sandbox allow-scripts allow-popups; default-src 'self'", "sandbox"),
        ("default-src 'self', SandBox allow-scripts", "sandbox"),
        ("default-src 'none' \xe9", "characters"),
        ("default-src 'none'\x0b", "characters"),
        ("default-src 'none'\r\nX-Evil: 1", "characters"),
        ("default-src\x00", "characters"),
    ],
)
def test_an_odd_policy_is_left_alone_as_a_whole(policy, why):
    headers = [(NAME, "script-src 'none'"), (NAME, policy)]
    found = extend(headers, OURS)
    assert found.headers == headers
    assert why in found.obstacle


@pytest.mark.parametrize("name", [NAME, f"{NAME}-Report-Only"])
def test_a_site_whose_address_no_policy_can_name_is_left_alone(name):
    ours = OURS._replace(
        origin="https://[2001:db8::1]", session="https://[2001:db8::1]/eilogin/session"
    )
    policy = "default-src 'none'"
    text, by_digest, obstacle = extended(policy, name, ours)
    assert (text, by_digest) == (policy, False)
    assert bool(obstacle) == (name == NAME)


@pytest.mark.parametrize("name", ["Integrity-Policy", "integrity-policy-report-only"])
def test_a_page_may_want_hashes_of_all_scripts(name):
    policy = "blocked-destinations=(script)"
    assert extended(policy, name) == (policy, True, "")
    policy = "blocked-destinations=(style)"
    assert extended(policy, name) == (policy, False, "")


def test_other_headers_are_none_of_its_business():
    headers = [("Content-Type", "text/html"), ("X-A", "\xe9")]
    assert extend(headers, OURS).headers is headers
