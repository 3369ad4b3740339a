"""The filter that tells the application who its visitor is, and nobody else."""

import copy
import pickle
import re
from dataclasses import replace
from datetime import UTC, datetime
from wsgiref.validate import validator
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webtest import TestApp as Client

from eilogin.errors import InvalidOptions
from eilogin.filters.identity import make_identity
from eilogin.filters.session import make_session
from eilogin.saml.messages import read_assertion
from eilogin.saml.safe_xml import parse
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie

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

FIRST_ROLE = {"role": ["lezer"]}

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
    "Auth-Type",
    "AUTH_TYPE",
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
        environ[env.ADDRESS] = None
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

    @pytest.mark.parametrize("name", ["Mail", "MAIL", "e-mail", "E_MAIL"])
    def test_cannot_send_a_key_that_is_ours_to_set_as_a_header(self, visitor, name):
        lines = "mail MAIL\nmail e-mail\nmail ACCEPT"
        seen = visitor(attributes=lines).get({name: "admin", "Accept": "text/html"})
        assert "admin" not in seen.values()
        assert seen["HTTP_ACCEPT"] == "text/html"

    @pytest.mark.parametrize("name", ["X-Role", "X_Role", "x_rOLE"])
    @pytest.mark.parametrize(
        "line", ["X-Role none", 'X-Role "reader"', "X-R* none", "X-* none"]
    )
    def test_cannot_send_a_header_that_no_login_says(self, visitor, name, line):
        seen = visitor(headers=line).get({name: "admin"})
        assert "admin" not in seen.values()
        assert "reader" not in seen.values()

    @pytest.mark.parametrize("name", ["X-Wiki", "Wiki-Role", "X-Wik-I", "Y-X-Wiki-A"])
    def test_keeps_a_header_that_begins_otherwise(self, visitor, name):
        assert "blue" in visitor(headers="X-Wiki-* none").get({name: "blue"}).values()

    def test_keeps_what_the_browser_or_a_proxy_says_of_a_request(self, visitor):
        said = {
            "X-Forwarded-Host": "uwv.test",
            "X-Forwarded-Email": "admin",
            "X-Requested-With": "XMLHttpRequest",
            "X-Remote-User": "admin",
        }
        seen = visitor(headers="X-* none\nX-Forwarded-* none").get(said)
        assert seen["HTTP_X_FORWARDED_HOST"] == "uwv.test"
        assert seen["HTTP_X_REQUESTED_WITH"] == "XMLHttpRequest"
        assert "admin" not in seen.values()

    @pytest.mark.parametrize("key", ["HTTP_X_WIKI_é", "http_x_wiki_a", "HTTP_X-WIKI-A"])
    def test_cannot_send_one_that_a_server_writes_otherwise(self, visitor, key):
        seen = visitor(headers="X-Wiki-* none").get(**{key: "admin"})
        assert "admin" not in seen.values()

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

    @pytest.mark.parametrize("user", ["subject", "bsn", "attribute:name"])
    def test_is_no_user_whom_the_application_knows_already(self, visitor, user):
        name = visitor(ANNA, user=user).get()["REMOTE_USER"]
        seen = visitor(ANNA, user=user, user_prefix="burger-").get()
        assert seen["REMOTE_USER"] == f"burger-{name}"
        assert seen[env.SESSION].subject == "q7Xw2"

    @pytest.mark.parametrize("prefix", ["a b", "é", "a;", 'a"', "x" * 61])
    def test_has_a_prefix_that_every_application_takes(self, visitor, prefix):
        with pytest.raises(InvalidOptions, match="user_prefix"):
            visitor(ANNA, user_prefix=prefix)

    def test_is_named_in_plain_text_in_zope(self, visitor):
        """Zope decodes no environ, and all others expect PEP 3333."""
        asked = {
            "user": "attribute:name",
            "attributes": "name NAME",
            "headers": "X-Name attribute:name",
        }
        in_zope = {env.VISIBLE: env.Visible("/", "/")}
        for key in ("REMOTE_USER", "NAME", "HTTP_X_NAME"):
            seen = visitor(ANNA, **asked).get(**in_zope)[key]
            assert seen.startswith("Anna de Vriès")
            seen = visitor(ANNA, **asked).get()[key]
            assert seen.encode("latin-1").decode().startswith("Anna de Vriès")

    def test_is_named_in_one_line_in_zope_too(self, visitor):
        odd = replace(ANNA, attributes={"name": ["Žan\r\nna"]})
        seen = visitor(odd, attributes="name NAME").get(**{env.VISIBLE: ("/", "/")})
        assert seen["NAME"] == "Žan  na"

    def test_is_named_by_no_text_that_controls_something(self, visitor):
        odd = replace(ANNA, attributes={"name": ["an\r\nna"], "mail": ["a@b.test"]})
        names = "attribute:name attribute:mail"
        assert visitor(odd, user="attribute:name").refused().status_int == 403
        assert visitor(odd, user=names).get()["REMOTE_USER"] == "a@b.test"

    @pytest.mark.parametrize("user", ["attribute:none", "attribute:mail", "bsn"])
    def test_is_let_in_by_no_other_name_than_was_asked_for(self, visitor, caplog, user):
        nameless = Login(ANNA.who, "basis", 0.0, 7200.0, 0.0, {"mail": []})
        answer = visitor(nameless, user=user).refused()
        assert answer.status_int == 403
        reference = re.search(r"[2-9A-Z]{3}-[2-9A-Z]{3}", answer.text)[0]
        line = next(m for m in caplog.messages if m.startswith(reference))
        assert "(identity-missing)" in line
        assert "q7Xw2" not in line
        wanted = user.removeprefix("attribute:")
        assert f"'user' expects one of {wanted}; the hub sent the attributes" in line
        missing = re.search("<main.*<li>(.*)</li>", answer.text, re.DOTALL)[1]
        assert missing == user.removeprefix("attribute:")

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


class TestTheSessionCookie:
    """Whoever reads it can be the visitor, and a debug page may show it to anybody."""

    @pytest.fixture
    def seen(self, visitor):
        def seen(header, **options):
            environ = {env.COOKIE: Cookie("eilogin"), "HTTP_COOKIE": header}
            return visitor(ANNA, **options).get(**environ).get("HTTP_COOKIE")

        return seen

    @pytest.mark.parametrize(("header", "left"), [
        ("__Host-eilogin=tok", None),
        ("__Host-eilogin=", None),
        ("__Host-eilogin=tok; __Host-eilogin=tok", None),
        ("__Host-eilogin=tok; a=1", "a=1"),
        ("a=1; __Host-eilogin=tok", "a=1"),
        ("a=1; __Host-eilogin=tok;  b=2 ;c", "a=1;  b=2 ;c"),
        ("a=1;\t__Host-eilogin=tok;b=2", "a=1;b=2"),
        ("a=1; __Host-eilogin=tok; a=1; __Host-eilogin=other", "a=1; a=1"),
    ])  # fmt: skip
    def test_does_not_reach_the_application(self, seen, header, left):
        assert seen(header) == left

    @pytest.mark.parametrize("header", [
        "a=1; b=2", "a=1;b=2", " a=1;;b = 2; ", "a", "=a", "", ";", 'a="x; y=\xe9"',
        "__Host-eilogin-login-x=1", "__Host-eilogin2=1", "a=__Host-eilogin=1",
        "x__Host-eilogin=1", "__host-eilogin=1", "\xa0__Host-eilogin=1",
        'a={"k": [1, 2]}; b=%00', "a=1; a=2; a=1",
    ])  # fmt: skip
    def test_alone_is_left_out(self, seen, header):
        """All other cookies come byte for byte, with ours or without it."""
        assert seen(header) == header
        assert seen(f"a=1;{header}; __Host-eilogin=tok") == f"a=1;{header}"
        assert seen(f"a=1; __Host-eilogin=tok;{header};b=") == f"a=1;{header};b="

    def test_may_be_passed_on(self, seen):
        header = "a=1; __Host-eilogin=tok"
        assert seen(header, pass_session_cookie="true") == header

    def test_is_there_for_filters_further_inside(self, witness):
        """Of a hub, say, whose citizens these filters sign in."""
        inner = make_session(witness, {}, store="memory:", cookie="hub")
        options = {"HTTP_COOKIE": "a=1; __Host-eilogin=tok", env.ADDRESS: None}
        environ = {env.SESSION: None, env.COOKIE: Cookie("eilogin"), **options}
        make_identity(inner, {})(environ, lambda *_: None)
        assert witness.environ["HTTP_COOKIE"] == "a=1; __Host-eilogin=tok"


class TestAConstant:
    def test_is_for_all_who_are_logged_in(self, visitor):
        lines = 'X-Role  "Lezer; 100 é"\nX-Wiki-* none\nX-Wiki-Name attribute:name'
        forged = {"X-Role": "admin", "X-Wiki-Name": "admin", "X-Wiki-Role": "admin"}
        seen = visitor(ANNA, headers=lines).get(forged)
        assert seen["HTTP_X_ROLE"].encode("latin-1").decode() == "Lezer; 100 é"
        assert seen["HTTP_X_WIKI_NAME"].encode("latin-1").decode() == "Anna de Vriès"
        assert "admin" not in seen.values()

    def test_may_be_a_word_that_means_something_without_quotes(self, visitor):
        lines = 'X-A "none"\nX-B "subject"\nX-C none'
        seen = visitor(ANNA, headers=lines).get({"X-C": "admin"})
        assert seen["HTTP_X_A"] == "none"
        assert seen["HTTP_X_B"] == "subject"
        assert "HTTP_X_C" not in seen


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
        ("headers", 'X-Role "beheerder'),
        ("headers", 'X-Role ""'),
        ("headers", 'X-Role "'),
        ("headers", 'X-Role "a" "b"'),
        ("headers", 'X-Role "a\x00b"'),
        ("headers", "X-* subject"),
        ("headers", 'X-* "text"'),
        ("headers", "* none"),
        ("headers", "-* none"),
        ("headers", "X-*-Name none"),
        ("headers", "Accept-* none"),
        ("headers", "Cookie none"),
        ("headers", "X-Forwarded-For none"),
        ("headers", "Host subject"),
        ("headers", "cookie attribute:name"),
        ("headers", "X-Forwarded-For subject"),
        ("headers", "Sec-Fetch-Site subject"),
        ("usr", "subject"),
        ("attributes", "mail"),
        ("attributes", "mail HTTP_MAIL"),
        ("attributes", "mail http_mail"),
        ("attributes", "mail REMOTE_USER"),
        ("attributes", "mail REMOTE_ADDR"),
        ("attributes", "mail PATH_INFO"),
        ("attributes", "mail wsgi.input"),
        ("attributes", "mail eilogin.session"),
        ("attributes", "mail 2MAIL"),
        ("attributes", "mail wsgi_multithread"),
        ("allow_attributes", ""),
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
                " (a level does not identify a visitor)"
            ),
        ),
        (
            "headers",
            "\nX-Name attribute:name\nX-Level\nHost level",
            (
                "headers: expected lines such as 'X-Name attribute:name' or"
                " 'X-Role none'"
                " (line 2: 'X-Level'); expected another header: servers or"
                " eilogin read this one themselves (line 3: 'Host level')"
            ),
        ),
        (
            "attributes",
            "mail MAIL\nmail\nmail SCRIPT_NAME",
            (
                "attributes: expected lines with an attribute and a key of environ:"
                " 'mail MAIL' (line 2: 'mail'); expected another key: servers use"
                " this one (use 'headers' for headers, and 'user' for REMOTE_USER)"
                " (line 3: 'mail SCRIPT_NAME')"
            ),
        ),
    ],
)
def test_reports_each_invalid_value_once(witness, option, value, told):
    with pytest.raises(InvalidOptions) as caught:
        make_identity(witness, {}, **{option: value})
    assert [str(fault) for fault in caught.value.faults] == [told]


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ("X-A subject\nX-B level\nx-a attribute:nick", "X-A occurs twice"),
        ("X-A subject\nX--B level\nX-A bsn", "X-A occurs twice"),
        ("X-A subject\nx-a none", "X-A occurs twice"),
        ("X-A* none\nx-a* none", r"X-A\* occurs twice"),
        ("X-A* none\nX-A none\nX-A none", "X-A occurs twice"),
        ("X\N{SUPERSCRIPT TWO} subject", "lines such as"),
        ("X-N\N{LATIN SMALL LETTER E WITH ACUTE} subject", "lines such as"),
        ("- subject", "lines such as"),
    ],
)
def test_headers_are_told_apart_by_their_names(witness, headers, told):
    with pytest.raises(InvalidOptions, match=told):
        make_identity(witness, {}, headers=headers)


def test_headers_that_other_proxies_send_too_may_be_written(witness):
    make_identity(witness, {}, headers="X-Forwarded-User subject")


# --- attributes -------------------------------------------------------------------

MAIL = "urn:oid:0.9.2342.19200300.100.1.3"
PIET = Login(
    who=ANNA.who,
    level="basis",
    started=0.0,
    ends=7200.0,
    confirmed=0.0,
    attributes={
        MAIL: ["piet@uwv.test"],
        "role": ["lezer", "hoofd;zaken", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"],
        "Given Name": ["Piet"],
        "none": [],
        "empty": [""],
    },
)


class TestTheAttributes:
    def test_of_several_lines_are_in_one_for_the_application(self, visitor):
        """An address has lines; a header that a server makes of it has none."""
        text = "Kade 1\r\nX-Admin: yes\n9711 AA\tGroningen\x85\u2028é"
        moved = replace(ANNA, attributes={"post": [text, "b\nc"]})
        seen = visitor(
            moved, attributes="post POST", headers="X-Post attribute:post"
        ).get()
        line = "Kade 1  X-Admin: yes 9711 AA Groningen  é"
        assert seen["HTTP_X_POST"].encode("latin-1").decode() == line
        assert seen["POST"].encode("latin-1").decode() == f"{line};b c"
        assert seen[env.SESSION].attributes["post"] == [text, "b\nc"]

    def test_stand_under_the_keys_that_are_asked_for(self, visitor):
        lines = f"""
            {MAIL}      MAIL
            role        affiliation-roles
            Given Name  givenName
            none        NONE
            unknown     UNKNOWN
            empty       EMPTY
        """
        seen = visitor(PIET, attributes=lines).get()
        assert seen["MAIL"] == "piet@uwv.test"
        roles = seen["affiliation-roles"].encode("latin-1").decode()
        assert roles == r"lezer;hoofd\;zaken;café"
        login = replace(ANNA, attributes={"role": ["x\\", "admin"]})
        two = visitor(login, attributes="role ROLE").get()["ROLE"]
        login = replace(ANNA, attributes={"role": ["x;admin"]})
        one = visitor(login, attributes="role ROLE").get()["ROLE"]
        assert (two, one) == (r"x\\;admin", r"x\;admin")
        assert seen["givenName"] == "Piet"
        assert seen["EMPTY"] == ""
        assert "NONE" not in seen
        assert "UNKNOWN" not in seen

    def test_may_come_by_other_names_of_which_the_first_counts(self, visitor):
        lines = f"mail MAIL\n none MAIL\n {MAIL} MAIL\n role MAIL"
        assert visitor(PIET, attributes=lines).get()["MAIL"] == "piet@uwv.test"

    @pytest.mark.parametrize("login", [None, PIET])
    def test_are_no_others_than_the_hub_told(self, visitor, login):
        seen = visitor(login, attributes="unknown MAIL").get(MAIL="/var/mail/www")
        assert "MAIL" not in seen

    def test_are_told_to_the_application_and_to_no_access_log(self, visitor):
        visit = visitor(PIET, attributes=f"{MAIL} MAIL")
        visit.get()
        assert "MAIL" not in visit.outer

    def test_can_name_her_by_a_name_with_colons(self, visitor):
        seen = visitor(PIET, user=f"bsn attribute:{MAIL} subject").get()
        assert seen["REMOTE_USER"] == "piet@uwv.test"

    @pytest.mark.parametrize(
        ("allowed", "names"),
        [
            ("all", set(PIET.attributes)),
            ("none", set()),
            (f"{MAIL} unknown", {MAIL}),
            ("role none", {"role", "none"}),
        ],
    )
    def test_are_all_in_the_session_but_where_others_are_not_allowed(
        self, visitor, allowed, names
    ):
        visit = visitor(PIET, allow_attributes=allowed, attributes="role ROLE")
        seen = visit.get()
        told = seen[env.SESSION]
        assert dict(told.attributes) == {n: PIET.attributes[n] for n in names}
        assert (told.subject, told.until, told.level) == ("q7Xw2", PIET.until, "basis")
        assert seen["ROLE"].startswith("lezer;"), "that was asked for by name"
        assert visit.outer[env.SESSION] is PIET

    def test_nobody_has_none(self, visitor):
        assert visitor(None, allow_attributes="role").get()[env.SESSION] is None


class TestSecondRequestOfALogin:
    """What an option gives the application is derived from a login once."""

    OPTIONS = {  # noqa: RUF012 - nobody changes it
        "attributes": "role ROLE",
        "headers": "X-Mail attribute:mail",
        "allow_attributes": "role",
    }

    @staticmethod
    def given(seen):
        return seen["ROLE"], seen["HTTP_X_MAIL"], dict(seen[env.SESSION].attributes)

    @pytest.fixture
    def login(self):
        return replace(ANNA, attributes={"role": ["lezer"], "mail": ["a@uwv.test"]})

    def test_sees_the_same_and_reads_no_attribute_again(self, visitor, login):
        visit = visitor(login, **self.OPTIONS)
        first = self.given(visit.get())
        object.__setattr__(login, "attributes", None)
        assert self.given(visit.get()) == first == ("lezer", "a@uwv.test", FIRST_ROLE)

    def test_sees_a_changed_login(self, visitor, login):
        visit = visitor(login, **self.OPTIONS)
        visit.get()
        visit.login = replace(login, attributes={"role": ["baas"], "mail": ["b@x"]})
        assert self.given(visit.get()) == ("baas", "b@x", {"role": ["baas"]})

    def test_sees_no_change_of_the_first_application(self, visitor, login):
        visit = visitor(login, **self.OPTIONS)
        first = visit.get()
        first["ROLE"] = first["HTTP_X_MAIL"] = "admin"
        with pytest.raises(TypeError, match="cannot be changed"):
            first[env.SESSION].attributes["role"].append("admin")
        with pytest.raises(TypeError, match="cannot be changed"):
            first[env.SESSION].attributes["mail"] = ["admin"]
        assert self.given(visit.get()) == ("lezer", "a@uwv.test", FIRST_ROLE)

    def test_at_a_filter_with_other_options_sees_what_those_give(self, visitor, login):
        visitor(login, **self.OPTIONS).get()
        seen = visitor(login, attributes="mail ROLE", allow_attributes="none").get()
        assert seen["ROLE"] == "a@uwv.test"
        assert seen[env.SESSION].attributes == {}
        assert "HTTP_X_MAIL" not in seen

    def test_copies_of_a_login_lack_what_a_filter_derived(self, visitor, login):
        visitor(login, **self.OPTIONS).get()
        for other in (copy.deepcopy(login), pickle.loads(pickle.dumps(login))):  # noqa: S301 - our own
            assert other == login
            assert other.derived == {}


ASSERTION = """
<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" ID="_a" IssueInstant="{now}"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <saml:Issuer>https://hub.test/</saml:Issuer>
  <saml:Subject><saml:NameID>q7Xw2</saml:NameID>
    <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
      <saml:SubjectConfirmationData NotOnOrAfter="{now}"/>
    </saml:SubjectConfirmation>
  </saml:Subject>
  <saml:Conditions/>
  <saml:AuthnStatement AuthnInstant="{now}"><saml:AuthnContext>
    <saml:AuthnContextClassRef>urn:x</saml:AuthnContextClassRef>
  </saml:AuthnContext></saml:AuthnStatement>
  {statements}
</saml:Assertion>
"""
#: What XML 1.0 can hold on one line.
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]).filter(
        lambda character: character not in "\ufffe\uffff"
    ),
    max_size=20,
)
NAMES = st.sampled_from([MAIL, "role", "https://x.test/claims/naam", "Given Name"])
KINDS = st.sampled_from(["", ' xsi:type="xs:string"', ' xsi:type="xs:anyType"'])
FORMATS = st.sampled_from(["", ' NameFormat="urn:x:any"'])


def written(told):
    """The text of an assertion; ``told`` are the attributes, each as it is written."""
    attributes = [
        f"<saml:Attribute Name={quoteattr(name)}{name_format}>"
        + "".join(
            f"<saml:AttributeValue{kind}>{escape(value)}</saml:AttributeValue>"
            for value in values
        )
        + "</saml:Attribute>"
        for name, name_format, kind, values in told
    ]
    statements = "".join(
        f"<saml:AttributeStatement>{attribute}</saml:AttributeStatement>"
        for attribute in attributes
    )
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ASSERTION.format(now=now, statements=statements).strip()


def apart(text):
    """The values that a key of environ has: no two lists of them make one text."""
    values, characters = [""], iter(text)
    for character in characters:
        if character == ";":
            values.append("")
        else:
            values[-1] += next(characters) if character == "\\" else character
    return values


# Where a character is often one of those that join.
JOINED = st.lists(st.text(r"\;a", max_size=5), min_size=1, max_size=4)


@given(JOINED)
def test_no_two_lists_of_values_are_one_text(values):
    seen = []
    app = make_identity(lambda environ, _: seen.append(environ), {}, attributes="a A")
    login = replace(ANNA, attributes={"a": values})
    app({env.SESSION: login, env.ADDRESS: None}, None)
    assert apart(seen[0]["A"]) == values


@given(st.lists(st.tuples(NAMES, FORMATS, KINDS, st.lists(TEXTS, max_size=4))))
def test_application_receives_all_attributes_of_the_assertion(told):
    """A dict of lists of text, and the keys of environ made of it."""
    expected = {}
    for name, _, _, values in told:
        expected.setdefault(name, []).extend(values)
    assertion = read_assertion(parse(written(told).encode()))
    login = Login(ANNA.who, "basis", 0.0, 7200.0, 0.0, assertion.attributes)
    stored = Login.from_json(login.to_json(), "key", 0.0)
    seen = []
    lines = {"attributes": f"{MAIL} MAIL\nrole ROLE\nGiven Name NAME"}
    app = make_identity(lambda environ, _: seen.append(environ), {}, **lines)
    app({env.SESSION: stored, env.ADDRESS: None}, None)
    [environ] = seen
    assert environ[env.SESSION].attributes == expected
    for key, name in {"MAIL": MAIL, "ROLE": "role", "NAME": "Given Name"}.items():
        values = expected.get(name)
        if not values:
            assert key not in environ
        else:
            assert apart(environ[key].encode("latin-1").decode()) == values
