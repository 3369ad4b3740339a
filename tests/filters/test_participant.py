"""All five filters from one section, in the right order."""

from wsgiref.validate import validator

import pytest
from webtest import TestApp as Client

from eilogin.errors import InvalidOptions
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.filters.identity import IdentityFilter
from eilogin.filters.identity_options import IdentityOptions
from eilogin.filters.login import LoginFilter
from eilogin.filters.login_options import LoginOptions
from eilogin.filters.logout import LogoutFilter
from eilogin.filters.logout_options import LogoutOptions
from eilogin.filters.participant import ParticipantOptions, make_participant
from eilogin.filters.session import SessionFilter
from eilogin.filters.session_options import SessionOptions
from eilogin.filters.trust import TrustFilter


@pytest.fixture
def said(federation):
    folder = federation.folder
    return {
        "store": "memory:",
        "public_url": "https://uwv.test",
        "key": f"{folder}/uwv.test.key",
        "certificate": f"{folder}/uwv.test.crt",
        "federation": f"{folder}/federation.xml",
        "federation_certificate": f"{folder}/federation.crt",
    }


@pytest.fixture
def app(said, witness):
    return make_participant(validator(witness), {}, **said)


def test_the_filters_stand_in_the_right_order(app):
    found = []
    while hasattr(app, "app"):
        found.append(type(app))
        app = app.app
    assert found == [
        SessionFilter,
        TrustFilter,
        LoginFilter,
        LogoutFilter,
        IdentityFilter,
    ]


@pytest.mark.parametrize(
    "options",
    [SessionOptions, TrustOptions, LoginOptions, LogoutOptions, IdentityOptions],
)
def test_each_option_of_each_filter_is_one_of_the_section(options):
    assert options.model_fields.keys() <= ParticipantOptions.model_fields.keys()


def test_an_option_reaches_its_filter(said, witness):
    said |= {"protect": "/ off", "next": "/tot-ziens", "idle": "5m"}
    app = make_participant(validator(witness), {}, **said)
    assert app.sessions.idle == 300
    Client(validator(app)).get("https://uwv.test/")
    gone = Client(validator(app)).get("https://uwv.test/eilogin/logout")
    assert gone.location == "https://uwv.test/tot-ziens"


@pytest.mark.parametrize(
    ("protect", "needs"),
    [
        ("/ midden", "midden"),
        ("/ basis\n/a hoog methods=POST\n/b midden", "midden, hoog"),
    ],
)
def test_a_level_that_no_class_says_is_a_fault(said, witness, protect, needs):
    said |= {"protect": protect, "level_classes": "basis urn:b"}
    with pytest.raises(InvalidOptions, match=rf"protect: .*a line needs {needs};"):
        make_participant(witness, {}, **said)
    # What is higher than a level reaches it.
    said["level_classes"] = "basis urn:b\nhoog urn:h"
    make_participant(witness, {}, **said)


def test_a_stranger_is_sent_to_the_hub_and_forges_nothing(app, witness):
    answer = Client(validator(app)).get(
        "https://uwv.test/mijn", headers={"Remote-User": "admin"}
    )
    assert answer.status_int == 302
    assert answer.location.startswith("https://inloggen.test/sso?SAMLRequest=")
    assert witness.seen == []


def test_the_application_sees_the_scheme_of_its_visitors_behind_a_proxy(said, witness):
    app = make_participant(validator(witness), {}, **said, protect="/ off")
    Client(app).get("http://uwv.test/", extra_environ={"HTTP_HOST": "uwv.test"})
    assert witness.environ["wsgi.url_scheme"] == "https"
    Client(app).get("http://uwv.test/", extra_environ={"HTTP_HOST": "uwv.test:8080"})
    assert witness.environ["wsgi.url_scheme"] == "http"


def test_all_faults_of_the_section_are_told_at_once(witness):
    with pytest.raises(InvalidOptions) as refused:
        make_participant(witness, {}, public_url="uwv", user="who", idel="5m")
    text = str(refused.value)
    for option in ("public_url", "user", "idel", "store", "key", "federation"):
        assert option in text
