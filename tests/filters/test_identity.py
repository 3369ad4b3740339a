"""The filter that tells the application who its visitor is, and nobody else."""

import re
from wsgiref.validate import validator

import pytest
from webtest import TestApp as Client

from eilogin.errors import InvalidOptions
from eilogin.filters.identity import make_identity
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env

ANNA = Login(
    who=Subject("https://hub.test/", "https://uwv.test/", "q7Xw2"),
    level="midden",
    started=0.0,
    ends=7200.0,
    confirmed=0.0,
    attributes={
        "bsn": ["900000016"],
        "name": ["Anna de Vriès", "Anna"],
        "mail": [],
        "city": [""],
    },
)

FORGED = [
    "Remote-User",
    "Remote_User",
    "REMOTE-USER",
    "remote_user",
    "X-Remote-User",
    "X_Remote_User",
    "x-remote_user",
    "X-Forwarded-User",
    "X_Forwarded_User",
]


class Visitor:
    """Requests to an application behind the filter, and what stands outside of it."""

    def __init__(self, witness, options):
        self.witness = witness
        self.filter = make_identity(validator(witness), {}, **options)
        self.login = None
        self.outer = {}

    def __call__(self, environ, start_response):
        environ[env.SESSION] = self.login
        self.outer = environ
        return self.filter(environ, start_response)

    def get(self, headers=None, **environ):
        """What the application sees of one request."""
        client = Client(validator(self), extra_environ=environ)
        client.get("https://uwv.test/", headers=headers or {})
        return self.witness.environ

    def refused(self):
        """The answer where the application is not reached."""
        client = Client(validator(self))
        answer = client.get("https://uwv.test/", status="*")
        assert self.witness.seen == []
        return answer


@pytest.fixture
def visitor(witness):
    def make(login=None, **options):
        visitor = Visitor(witness, options)
        visitor.login = login
        return visitor

    return make


class TestAStranger:
    """Also everybody on a path that is ``off``: there nobody is known."""

    def test_is_nobody(self, visitor):
        seen = visitor().get()
        assert "REMOTE_USER" not in seen
        assert "AUTH_TYPE" not in seen

    @pytest.mark.parametrize("name", FORGED)
    def test_cannot_say_who_she_is(self, visitor, name):
        seen = visitor().get({name: "admin"})
        assert "admin" not in seen.values()

    def test_is_not_who_an_outer_server_says(self, visitor):
        seen = visitor().get(REMOTE_USER="admin", AUTH_TYPE="Basic")
        assert "REMOTE_USER" not in seen
        assert "AUTH_TYPE" not in seen

    @pytest.mark.parametrize("name", ["X-Name", "X_Name", "x-naMe"])
    def test_cannot_send_a_header_that_is_ours_to_set(self, visitor, name):
        seen = visitor(headers="X-Name attribute:name").get({name: "admin"})
        assert "HTTP_X_NAME" not in seen

    def test_keeps_all_other_headers(self, visitor):
        assert visitor().get({"X-Name": "Piet"})["HTTP_X_NAME"] == "Piet"


class TestWhoIsLoggedIn:
    def test_is_named_by_her_pseudonym(self, visitor):
        seen = visitor(ANNA).get()
        assert seen["REMOTE_USER"] == "q7Xw2"
        assert seen["AUTH_TYPE"] == "eilogin"
        assert seen[env.SESSION] is ANNA

    @pytest.mark.parametrize("name", FORGED)
    def test_cannot_say_that_she_is_another(self, visitor, name):
        seen = visitor(ANNA).get({name: "admin"}, REMOTE_USER="admin")
        assert "admin" not in seen.values()
        assert seen["REMOTE_USER"] == "q7Xw2"

    @pytest.mark.parametrize(
        ("user", "expected"),
        [
            ("subject", "q7Xw2"),
            ("bsn", "900000016"),
            ("attribute:name subject", "Anna de Vriès"),
            ("attribute:mail subject", "q7Xw2"),
            ("attribute:none attribute:city attribute:mail bsn", "900000016"),
        ],
    )
    def test_is_named_by_the_first_that_her_login_has(self, visitor, user, expected):
        seen = visitor(ANNA, user=user).get()
        assert seen["REMOTE_USER"].encode("latin-1").decode() == expected

    @pytest.mark.parametrize("user", ["attribute:none", "attribute:mail", "bsn"])
    def test_is_let_in_by_no_other_name_than_was_asked_for(self, visitor, caplog, user):
        nameless = Login(ANNA.who, "basis", 0.0, 7200.0, 0.0, {"mail": []})
        answer = visitor(nameless, user=user).refused()
        assert answer.status_int == 403
        reference = re.search(r"[2-9A-Z]{3}-[2-9A-Z]{3}", answer.text)[0]
        line = next(m for m in caplog.messages if m.startswith(reference))
        assert "(identity-missing)" in line
        assert "q7Xw2" not in line

    def test_is_told_to_the_application_and_to_no_access_log(self, visitor):
        visit = visitor(ANNA, headers="X-Level level")
        visit.get({"Remote-User": "admin"})
        assert "REMOTE_USER" not in visit.outer
        assert "HTTP_X_LEVEL" not in visit.outer
        assert visit.outer["HTTP_REMOTE_USER"] == "admin"

    def test_is_described_by_the_headers_that_are_asked_for(self, visitor):
        headers = """
            X-Name     attribute:name
            X-Level    level
            X-Subject  subject
            X-BSN      bsn

            X-None     attribute:none
        """
        seen = visitor(ANNA, headers=headers).get({"X-None": "forged"})
        assert seen["HTTP_X_NAME"].encode("latin-1").decode() == "Anna de Vriès"
        assert seen["HTTP_X_LEVEL"] == "midden"
        assert seen["HTTP_X_SUBJECT"] == "q7Xw2"
        assert seen["HTTP_X_BSN"] == "900000016"
        assert "HTTP_X_NONE" not in seen


def test_without_a_session_filter_around_it_nobody_is_let_in(witness, caplog):
    client = Client(validator(make_identity(validator(witness), {})))
    answer = client.get("https://uwv.test/", status=500)
    assert witness.seen == []
    assert "'session' is missing" in caplog.text
    assert "session trust login logout identity" in caplog.text
    assert "session" not in answer.text.lower()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("user", "name"),
        ("user", "subject attribute:"),
        ("user", "role:admin"),
        ("user", "level"),
        ("headers", "X-Name"),
        ("headers", "X-Name attribute:name extra"),
        ("headers", "X:Name attribute:name"),
        ("headers", "X-Name who"),
        ("headers", "Host subject"),
        ("headers", "cookie attribute:name"),
        ("headers", "X-Forwarded-For subject"),
        ("headers", "Sec-Fetch-Site subject"),
        ("usr", "subject"),
    ],
)
def test_options_that_cannot_be_used_are_refused(witness, option, value):
    with pytest.raises(InvalidOptions, match=option):
        make_identity(witness, {}, **{option: value})


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        (
            "user",
            "foo",
            (
                "user: found 'foo'; expected 'subject', 'bsn' or 'attribute:NAME'"
                " (a level tells nobody apart)"
            ),
        ),
        (
            "headers",
            "\nX-Name attribute:name\nX-Level\nHost level",
            (
                "headers: expected lines such as 'X-Name attribute:name'"
                " (line 2: 'X-Level'); expected a header of your own: servers or"
                " eilogin read this one (line 3: 'Host level')"
            ),
        ),
    ],
)
def test_what_was_found_is_told_once(witness, option, value, told):
    with pytest.raises(InvalidOptions) as caught:
        make_identity(witness, {}, **{option: value})
    assert [str(fault) for fault in caught.value.faults] == [told]


def test_headers_that_other_proxies_send_too_may_be_written(witness):
    make_identity(witness, {}, headers="X-Forwarded-User subject")
