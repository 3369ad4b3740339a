# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments
"""Who somebody is: by her NameID, or by an attribute in its place."""

import pytest
from hub_speaker import Citizen

from eilogin.errors import InvalidOptions
from eilogin.filters.login import LoginOptions
from eilogin.saml.xml import q
from eilogin.settings import read

STAD = "https://stad.test/mijn"
UID = "urn:oid:0.9.2342.19200300.100.1.1"
BOTH = f"name-id attribute:{UID}"


@pytest.fixture
def citizen(clock, witness, eilogin_federation, hub_of):
    def make(subject):
        said = {"acs": "post", "subject": subject}
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
    assert login.subject == "anna"
    assert not login.who.has_name_id
    assert witness.environ["REMOTE_USER"] == "anna"


def test_the_first_of_several_that_the_answer_has_is_taken(citizen, witness):
    brings(citizen(BOTH), with_name_id, name="q7", attributes={UID: ["anna"]})
    assert witness.environ["eilogin.session"].subject == "q7"
    assert witness.environ["eilogin.session"].who.has_name_id


def test_an_attribute_may_come_first(citizen, witness):
    visitor = citizen(f"attribute:{UID} name-id")
    brings(visitor, with_name_id, name="q7", attributes={UID: ["anna"]})
    assert witness.environ["eilogin.session"].subject == "anna"


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
         f"expected name-id with one value (subject); it has attribute:{UID}: ask"),
        (BOTH, without_name_id, {"x": ["anna"]},
         f"name-id or attribute:{UID} with one value (subject); it has attribute:x:"),
        (f"attribute:{UID}", with_name_id, {}, "it has name-id: ask"),
        (BOTH, without_name_id, {}, "it has neither NameID nor attributes: ask"),
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
    assert "Wij kregen niet te horen wie u bent" in visitor.browser.text
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
