# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments
"""Who somebody is: by her NameID, or by an attribute in its place."""

from urllib.parse import urlsplit

import pytest
from hub_speaker import Citizen
from webob import Request

from eilogin.config import read
from eilogin.errors import InvalidOptions
from eilogin.filters.login_options import LoginOptions
from eilogin.participant.logout.operator_logout import OperatorLogout
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.safe_xml import q
from eilogin.web.pipeline.pipeline_objects import object_in

STAD = "https://stad.test/mijn"
SOAP = "https://stad.test/eilogin/slo/soap"
HUB = "https://inloggen.test/metadata"
UID = "urn:oid:0.9.2342.19200300.100.1.1"
BOTH = f"name-id attribute:{UID}"


@pytest.fixture
def citizen(clock, witness, eilogin_federation, hub_of):
    def make(subject, **options):
        said = {"acs": "post", "subject": subject, **options}
        federation = eilogin_federation(
            {"stad.test": witness}, options={"stad.test": said}
        )
        return Citizen(federation, hub_of(federation))

    return make


def without_name_id(hub, request, **said):
    """An answer whose subject has no NameID."""
    assertion = hub.assertion(request, **said)
    subject = assertion.find(q("saml:Subject"))
    subject.remove(subject.find(q("saml:NameID")))
    return hub.response(request, hub.signed(assertion))


def brings(citizen, make, url=STAD, **said):
    question = citizen.begin(url)
    citizen.bring(make(citizen.hub, question[0], **said), question)


def with_name_id(hub, request, **said):
    return hub.answer(request, **said)


def test_an_attribute_says_who_she_is_where_there_is_no_name_id(citizen, witness):
    visitor = citizen(BOTH)
    brings(visitor, without_name_id, attributes={UID: ["anna"], "name": ["Anna"]})
    assert visitor.browser.url == STAD
    login = witness.environ["eilogin.session"]
    assert login.subject == f"anna!attribute:{UID}!{HUB}"
    assert not login.who.has_name_id
    assert witness.environ["REMOTE_USER"] == login.subject


def test_the_first_of_several_that_the_answer_has_is_taken(citizen, witness):
    brings(citizen(BOTH), with_name_id, name="q7", attributes={UID: ["anna"]})
    assert witness.environ["eilogin.session"].subject == f"q7!unspecified!{HUB}"
    assert witness.environ["eilogin.session"].who.has_name_id


def test_an_attribute_may_come_first(citizen, witness):
    visitor = citizen(f"attribute:{UID} name-id")
    brings(visitor, with_name_id, name="q7", attributes={UID: ["anna"]})
    assert witness.environ["eilogin.session"].who.name_id == "anna"


def test_one_way_to_name_her_is_all_that_the_application_gets(citizen, witness):
    brings(citizen(f"attribute:{UID}"), with_name_id, attributes={UID: ["anna"]})
    assert witness.environ["REMOTE_USER"] == "anna"


def test_different_name_identifiers_give_different_users(citizen, witness):
    """By an attribute and by a NameID, and by NameIDs that mean another thing."""
    visitor, users = citizen(f"attribute:{UID} name-id", name_id_format="any"), []
    names = [
        messages.NameID("anna"),
        messages.NameID("anna", messages.EMAIL),
        messages.NameID("anna", "emailAddress"),
        messages.NameID("anna", "urn:x!y"),
        messages.NameID("anna!unspecified"),
    ]
    for said in [{"attributes": {UID: ["anna"]}}, *({"name_id": n} for n in names)]:
        visitor.browser = visitor.federation.browser()
        brings(visitor, with_name_id, **said)
        users.append(witness.environ["REMOTE_USER"])
    assert users == [
        f"anna!attribute:{UID}!{HUB}",
        f"anna!unspecified!{HUB}",
        f"anna!emailAddress!{HUB}",
        f"anna!:emailAddress!{HUB}",
        f"anna!:urn:x%21y!{HUB}",
        f"anna!unspecified!unspecified!{HUB}",
    ]


def test_a_name_of_another_domain_is_somebody_else(citizen, witness):
    """A NameQualifier other than the hub's (SAML core 2.2.2) makes another user."""
    visitor, users = citizen("name-id", name_id_format="any"), []
    names = [
        messages.NameID("anna"),
        messages.NameID("anna", name_qualifier=HUB),
        messages.NameID("anna", name_qualifier="CORP!x"),
        messages.NameID("anna", messages.EMAIL, name_qualifier="CORP!x"),
        messages.NameID(f"anna!unspecified!{HUB}!CORP%21x"),
        messages.NameID(f"anna!unspecified!{HUB}"),
    ]
    for name_id in names:
        visitor.browser = visitor.federation.browser()
        brings(visitor, with_name_id, name_id=name_id)
        users.append(witness.environ["REMOTE_USER"])
    assert users == [
        "anna",
        "anna",
        f"anna!unspecified!{HUB}!CORP%21x",
        f"anna!emailAddress!{HUB}!CORP%21x",
        f"anna!unspecified!{HUB}!CORP%21x!unspecified!{HUB}!",
        f"anna!unspecified!{HUB}!unspecified!{HUB}!",
    ]


def test_the_operator_finds_somebody_of_another_domain(citizen, witness):
    visitor = citizen("name-id", name_id_format="email")
    name_id = messages.NameID("anna", messages.EMAIL, name_qualifier="CORP!x")
    brings(visitor, with_name_id, name_id=name_id)
    site = object_in(visitor.federation.apps["stad.test"], OperatorLogout)
    (found,) = site.called(witness.environ["REMOTE_USER"], ("name-id",))
    assert found.who.name_id == "anna"
    assert not site.called(f"anna!emailAddress!{HUB}!CORP", ("name-id",))


# --- the format that was asked for ----------------------------------------------------

OTHERS = [
    pytest.param("persistent", messages.EMAIL, id="email-for-persistent"),
    pytest.param("persistent", messages.TRANSIENT, id="transient-for-persistent"),
    pytest.param("transient", messages.PERSISTENT, id="persistent-for-transient"),
    pytest.param("email", messages.PERSISTENT, id="persistent-for-email"),
    pytest.param("email", "urn:x-test:badge", id="unknown-for-email"),
]


#: The formats as the option has them.
WORDS = {
    messages.PERSISTENT: "persistent",
    messages.TRANSIENT: "transient",
    messages.EMAIL: "email",
    "urn:x-test:badge": "badge",
}
FORMATS = {word: name_id_format for name_id_format, word in WORDS.items()}


def warnings_in(caplog):
    return [r.message for r in caplog.records if r.module == "name_id_formats"]


@pytest.mark.parametrize(("asked", "came"), OTHERS)
def test_rejects_a_name_of_another_format_than_asked_for(
    citizen, witness, caplog, asked, came
):
    visitor = citizen("name-id", name_id_format=asked)
    brings(visitor, with_name_id, name_id=messages.NameID("q7Xw2", came))
    assert visitor.browser.page.status_int == 403
    assert witness.seen == []
    line = next(m for m in caplog.messages if "(subject-missing):" in m)
    assert f"in the format '{WORDS[came]}'; expected '{asked}'" in line
    assert "name_id_mismatch = warn" in line
    assert "q7Xw2" not in caplog.text


@pytest.mark.parametrize(
    ("asked", "came"),
    [("persistent", messages.PERSISTENT), ("transient", messages.TRANSIENT),
     ("email", messages.EMAIL)],
)  # fmt: skip
def test_accepts_a_name_of_the_format_asked_for(citizen, witness, caplog, asked, came):
    visitor = citizen("name-id", name_id_format=asked)
    brings(visitor, with_name_id, name_id=messages.NameID("q7Xw2", came))
    assert witness.environ["REMOTE_USER"] == "q7Xw2"
    assert not warnings_in(caplog)


@pytest.mark.parametrize(("asked", "came"), OTHERS)
def test_accepts_another_format_as_another_user_by_an_option(
    citizen, witness, caplog, asked, came
):
    """The email of one visitor can be the persistent value of another one."""
    options = {"name_id_format": asked, "name_id_mismatch": "warn"}
    visitor = citizen("name-id", **options)
    right, users = FORMATS[asked], []
    for name_id in (
        messages.NameID("anna@burger.test", came),
        messages.NameID("anna@burger.test", right),
        messages.NameID(f"anna@burger.test!{came.rpartition(':')[2]}!{HUB}", right),
        messages.NameID(f"anna@burger.test!:{came}!{HUB}", right),
    ):
        visitor.browser = visitor.federation.browser()
        brings(visitor, with_name_id, name_id=name_id)
        users.append(witness.environ["REMOTE_USER"])
    assert users[0].startswith("anna@burger.test!")
    assert users[0].endswith(f"{came.rpartition(':')[2]}!{HUB}")
    assert users[1] == "anna@burger.test"
    assert len(set(users)) == 4
    assert "accepts it as a different user" in warnings_in(caplog)[0]


def test_warns_of_another_format_once_an_hour(citizen, caplog, clock):
    visitor = citizen("name-id", name_id_mismatch="warn")
    name_id = messages.NameID("q7Xw2", messages.EMAIL)
    for wait, count in ((0, 1), (600, 1), (2_990, 1), (20, 2), (600, 2)):
        clock.shift(wait)
        visitor.browser = visitor.federation.browser()
        brings(visitor, with_name_id, name_id=name_id)
        assert len(warnings_in(caplog)) == count, wait


def test_a_name_without_a_format_is_accepted_and_told_of(citizen, witness, caplog):
    brings(citizen("name-id"), with_name_id, name_id=messages.NameID("q7Xw2"))
    assert witness.environ["REMOTE_USER"] == "q7Xw2"
    (line,) = warnings_in(caplog)
    assert f"'{HUB}' sent a NameID without a format; expected 'persistent'" in (line)


@pytest.mark.parametrize("asked", ["any", "none", "unspecified"])
def test_warns_of_a_hub_that_changes_the_format(citizen, witness, caplog, asked):
    """Whichever may come: one visitor may be two users."""
    visitor = citizen("name-id", name_id_format=asked)
    for name_id, count in (
        (messages.NameID("q7Xw2", messages.PERSISTENT), 0),
        (messages.NameID("z9", messages.PERSISTENT), 0),
        (messages.NameID("anna@burger.test", messages.EMAIL), 1),
    ):
        visitor.browser = visitor.federation.browser()
        brings(visitor, with_name_id, name_id=name_id)
        assert witness.environ["REMOTE_USER"] == name_id.value
        assert len(warnings_in(caplog)) == count
    assert "in the format 'email', and earlier ones in 'persistent'" in caplog.text


def test_the_format_does_not_matter_where_an_attribute_says_who_it_is(
    citizen, witness, caplog
):
    visitor = citizen(f"attribute:{UID}")
    name_id = messages.NameID("q7Xw2", messages.TRANSIENT)
    brings(visitor, with_name_id, name_id=name_id, attributes={UID: ["anna"]})
    assert witness.environ["REMOTE_USER"] == "anna"
    assert not warnings_in(caplog)


def test_a_name_of_another_format_does_not_make_way_for_an_attribute(citizen, witness):
    """Else one visitor would be two users."""
    name_id = messages.NameID("q7Xw2", messages.TRANSIENT)
    visitor = citizen(BOTH)
    brings(visitor, with_name_id, name_id=name_id, attributes={UID: ["anna"]})
    assert visitor.browser.page.status_int == 403
    assert witness.seen == []


def test_an_attribute_of_two_lines_names_nobody(citizen, caplog):
    visitor = citizen(f"attribute:{UID}")
    brings(visitor, with_name_id, attributes={UID: ["an\nna"]})
    assert visitor.browser.page.status_int == 403
    assert "(subject-missing)" in caplog.text


def test_she_stays_herself_though_her_name_id_is_another_one_each_time(
    citizen, witness, clock, events
):
    visitor = citizen(f"attribute:{UID}")
    brings(visitor, with_name_id, name="q7", attributes={UID: ["anna"]})
    family = witness.environ["eilogin.session"].family
    clock.shift(600)
    brings(visitor, with_name_id, name="z3", attributes={UID: ["anna"]})
    assert witness.environ["eilogin.session"].family == family
    assert events("keep-alive")


@pytest.mark.parametrize(
    ("subject", "make", "attributes", "told"),
    [
        ("name-id", without_name_id, {UID: ["anna"]},
         f"it has attribute:{UID}; expected name-id with one value (subject): ask"),
        (BOTH, without_name_id, {"x": ["anna"]},
         f"has attribute:x; expected name-id or attribute:{UID} with one value"),
        (f"attribute:{UID}", with_name_id, {}, "it has name-id; expected attribute:"),
        (BOTH, without_name_id, {}, "it has neither NameID nor attributes; expected"),
        (f"attribute:{UID}", with_name_id, {UID: ["anna", "bob"]}, "it has name-id"),
        (f"attribute:{UID}", with_name_id, {UID: [" "]}, "it has name-id"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_say_it_has_its_own_page(
    citizen, witness, caplog, subject, make, attributes, told
):
    visitor = citizen(subject)
    brings(visitor, make, attributes=attributes)
    assert visitor.browser.page.status_int == 403
    text = visitor.browser.text
    assert "Wij weten niet wie u bent" in text
    assert "Opnieuw proberen helpt niet. Vraag om hulp, en noem kenmerk" in text
    assert "Probeer het opnieuw" not in text
    assert ">Naar de website van stad.test</a>" in visitor.browser.page.text
    line = next(m for m in caplog.messages if "(subject-missing):" in m)
    assert told in line
    assert "anna" not in line
    assert witness.seen == []
    assert visitor.browser.cookie("stad.test", "__Host-eilogin") is None


def test_an_empty_name_id_is_refused_and_no_attribute_helps(citizen, witness, caplog):
    visitor = citizen(BOTH)
    brings(visitor, with_name_id, name="", attributes={UID: ["anna"]})
    assert visitor.browser.page.status_int == 400
    assert witness.seen == []


@pytest.mark.parametrize("text", ["nameid", "attribute:", "name-id uid", ""])
def test_other_words_are_refused(text):
    with pytest.raises(InvalidOptions, match="subject"):
        read(LoginOptions, {}, {"subject": text})


# --- logging out ----------------------------------------------------------------


class TestSheLogsOut:
    @pytest.fixture
    def visitor(self, citizen):
        return citizen(f"attribute:{UID}")

    def told(self, visitor, name_id, *indexes):
        """What is answered to the hub's word that somebody logged out elsewhere."""
        element = visitor.hub.logout_request(name_id, "", *indexes)
        kind = {"content_type": "text/xml", "body": visitor.hub.by_soap(element)}
        request = Request.blank(SOAP, method="POST", **kind)
        answer = request.get_response(visitor.federation.apps["stad.test"])
        if answer.status_code != 200:
            return answer.text
        element = bindings.unwrap_soap(answer.body)
        return messages.read_logout_response(element).status.codes

    def is_in(self, visitor):
        visitor.browser.visit(STAD)
        return visitor.browser.url == STAD

    @pytest.mark.parametrize("indexes", [(), ("_s1",)])
    def test_elsewhere_and_the_hub_names_her_by_the_name_id_that_came_along(
        self, visitor, events, indexes
    ):
        brings(visitor, with_name_id, name="q7", attributes={UID: ["anna"]})
        assert self.is_in(visitor)
        assert self.told(visitor, messages.NameID("q7"), *indexes) == (
            messages.SUCCESS,
        )
        assert not self.is_in(visitor)
        [login], [logout] = events("login"), events("logout.received")
        assert login["pseudonym"] == logout["pseudonym"]

    def test_elsewhere_and_nobody_knows_whom_the_hub_means(self, visitor):
        """Success would not be true: she may be logged in here still."""
        brings(visitor, without_name_id, attributes={UID: ["anna"]})
        codes = self.told(visitor, messages.NameID("q7"))
        assert codes == (messages.RESPONDER, messages.UNKNOWN_PRINCIPAL)
        assert self.is_in(visitor)

    def test_elsewhere_and_a_name_id_that_looks_like_an_attribute_is_none(
        self, visitor, caplog
    ):
        brings(visitor, with_name_id, name="q7", attributes={UID: ["anna"]})
        name_id = messages.NameID("anna", f"attribute:{UID}")
        assert "soap-env:Client" in self.told(visitor, name_id)
        assert "(message-malformed):" in caplog.text
        assert self.is_in(visitor)

    def test_here_and_the_hub_is_told_by_the_name_id_that_came_along(self, visitor):
        brings(visitor, with_name_id, name="q7", attributes={UID: ["anna"]})
        visitor.browser.visit("https://stad.test/eilogin/logout")
        received = bindings.read_redirect(urlsplit(visitor.browser.url).query)
        request = messages.read_logout_request(safe_xml.parse(received.octets))
        assert request.name_id.value == "q7"
        assert request.session_indexes == ("_s1",)


def test_a_name_id_that_looks_like_an_attribute_logs_nobody_in(
    citizen, witness, caplog
):
    name_id = messages.NameID("anna", f"attribute:{UID}")
    brings(citizen("name-id"), with_name_id, name_id=name_id)
    assert "(message-malformed):" in caplog.text
    assert witness.seen == []
