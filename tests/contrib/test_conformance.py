"""The conformance page says something of each requirement, and names tests that exist.

Whether a test shows what it is named for is a reader's to judge; that it is there, and
has not been renamed under the page, is not.
"""

import ast
import base64
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from docutils.utils import SystemMessage

from eilogin.saml.bindings import POST
from eilogin.saml.messages import Assertion, NameID, read_assertion, write_assertion
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    ServiceProvider,
    read_federation,
    write_entity,
)
from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import parse, q
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_encryption import Decrypter, encrypt

HOUSE = Path(__file__).parents[2]
PAGE = HOUSE / "contrib" / "manual" / "reference" / "conformance.rst"

#: How many requirements the profile (version 1.1) has, by their groups.
_GROUPS = {"G": 3, "MD": 12, "SSO": 7, "EXT": 1, "ALG": 8, "SP": 17, "IDP": 21}
REQUIREMENTS = [
    f"IIP-{group}{number:02}"
    for group, count in _GROUPS.items()
    for number in range(1, count + 1)
]
#: The Enhanced Client or Proxy profile: what may be left out.
ECP = frozenset(f"IIP-IDP{number}" for number in (13, 14, 15, 16))

_MISSING = "Missing:"


@dataclass(frozen=True)
class Entry:
    """What the page says of one requirement."""

    requirement: str
    answer: str
    #: Its paragraphs, the first of which is what is demanded.
    texts: tuple[str, ...]
    #: ``tests/file.py::test_name`` or ``tests/file.py::TestClass::test_name``.
    tests: tuple[str, ...]

    @property
    def says_what_is_missing(self):
        return any(text.startswith(_MISSING) for text in self.texts)


# --- reading the page ---------------------------------------------------------------


def entries(text):
    """Each definition of the page: a requirement, its answer and what shows it.

    Raises SystemMessage where the page is not sound reStructuredText.
    """
    tree = publish_doctree(text, settings_overrides={"halt_level": 2})
    return [read_entry(item) for item in tree.findall(nodes.definition_list_item)]


def read_entry(item):
    term = next(item.findall(nodes.term)).astext()
    classifiers = [found.astext() for found in item.findall(nodes.classifier)]
    return Entry(
        requirement=term,
        answer=" ".join(classifiers),
        texts=tuple(
            " ".join(paragraph.astext().split())
            for paragraph in next(item.findall(nodes.definition))
            if isinstance(paragraph, nodes.paragraph)
        ),
        tests=tuple(
            literal.astext()
            for literal in item.findall(nodes.literal)
            if literal.astext().startswith("tests/")
        ),
    )


def results(text):
    """The rows of the table of results: answer, number, requirements."""
    (body,) = publish_doctree(text).findall(nodes.tbody)
    for row in body.findall(nodes.row):
        yield [entry.astext() for entry in row.findall(nodes.entry)]


def exists(test):
    """Whether a test is defined where its name says."""
    file, *path = test.split("::")
    return tuple(path) in defined(HOUSE / file)


@cache
def defined(file):
    """The tests of a file: a function's name alone, or after that of its class."""
    if not file.is_file():
        return frozenset()
    body = ast.parse(file.read_text(encoding="utf-8")).body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    return frozenset((name,) for name in test_names(body)) | frozenset(
        (node.name, name) for node in classes for name in test_names(node.body)
    )


def test_names(body):
    return [
        node.name
        for node in body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


test_names.__test__ = False


# --- what may be wrong with it ------------------------------------------------------


def faults(text):
    """All that is wrong with a page, in words."""
    found = entries(text)
    return [*faults_of_the_list(found), *(f for e in found for f in faults_of(e))]


def faults_of_the_list(found):
    names = [entry.requirement for entry in found]
    for name in names:
        if name not in REQUIREMENTS:
            yield f"{name} is no requirement of the profile"
    for name in REQUIREMENTS:
        if names.count(name) != 1:
            yield f"{name} is there {names.count(name)} times"


def faults_of(entry):
    name, answer = entry.requirement, entry.answer
    if answer not in ("yes", "partly", "no"):
        yield f"{name} has no answer but {answer!r}"
    if answer == "no" and name not in ECP:
        yield f"{name} is a no, and is not about ECP"
    if answer == "yes" and not entry.tests:
        yield f"{name} is a yes that no test shows"
    if entry.says_what_is_missing is (answer == "yes"):
        yield f"{name} is a {answer}: it should {must_say(answer)}"
    if not entry.texts or entry.texts[0].startswith(_MISSING):
        yield f"{name} does not say what it demands"
    for test in entry.tests:
        if not exists(test):
            yield f"{name} names {test}, which is not there"


def must_say(answer):
    return "lack nothing" if answer == "yes" else f"say what is {_MISSING.lower()}"


# --- the page -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_answers_each_requirement_once_by_tests_that_are_there(page):
    assert faults(page) == []


def test_has_its_requirements_in_the_order_of_the_profile(page):
    assert [entry.requirement for entry in entries(page)] == REQUIREMENTS


def test_counts_its_answers_rightly(page):
    found = entries(page)
    counted = Counter(entry.answer for entry in found)
    said = {answer: int(number) for answer, number, _ in results(page)}
    assert said == counted
    assert f"The profile has {counted.total()} requirements." in page


def test_lists_the_requirements_that_eilogin_does_not_meet_whole(page):
    listed = {answer: names for answer, _, names in results(page) if answer != "yes"}
    assert listed == {
        answer: ", ".join(e.requirement for e in entries(page) if e.answer == answer)
        for answer in ("partly", "no")
    }


# --- a page that is wrong -----------------------------------------------------------

_SHOWN = "``tests/contrib/test_conformance.py::test_counts_its_answers_rightly``"
_A_YES = f"IIP-G01 : yes\n   Clocks differ.\n\n   * {_SHOWN}\n"
#: A page without fault but that it has one requirement, to be made wrong.
_SOUND = f"{_A_YES}\nIIP-G02 : partly\n   Texts are taken.\n\n   Missing: much.\n"


def faults_but_for_its_length(text):
    return [fault for fault in faults(text) if not fault.endswith(" is there 0 times")]


def test_a_page_with_too_little_is_told_what_is_not_there():
    assert faults_but_for_its_length(_SOUND) == []
    assert faults(_SOUND) == [f"{name} is there 0 times" for name in REQUIREMENTS[2:]]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        pytest.param(
            "test_counts_its", "test_counts_it", "which is not there", id="function"
        ),
        pytest.param(
            "::test_counts", "::TestNone::test_counts", "which is not there", id="class"
        ),
        pytest.param(
            "contrib/test_conf", "contrib/test_none", "which is not there", id="file"
        ),
        pytest.param("::test_counts_its_answers_rightly", "", "not there", id="no one"),
        pytest.param(
            "test_counts_its_answers_rightly", "faults_of", "not there", id="no test"
        ),
        pytest.param(_SHOWN, "a word", "that no test shows", id="yes without a test"),
        pytest.param("IIP-G01 : yes", "IIP-G04 : yes", "no requirement", id="unknown"),
        pytest.param("IIP-G02 : partly", "IIP-G01 : partly", "2 times", id="twice"),
        pytest.param(": partly", ": no", "is not about ECP", id="a no"),
        pytest.param(": partly", ": maybe", "no answer but 'maybe'", id="another word"),
        pytest.param(": partly", "", "no answer but ''", id="no word"),
        pytest.param(": partly", ": yes", "should lack nothing", id="yes with a gap"),
        pytest.param("Missing: much.", "Much.", "what is missing:", id="no gap named"),
        pytest.param("   Clocks differ.\n\n", "", "what it demands", id="no demand"),
        pytest.param("   Texts are taken.\n\n", "", "it demands", id="only a gap"),
    ],
)
def test_a_page_that_is_wrong_is_told_what_is(old, new, fault):
    assert old in _SOUND
    found = faults_but_for_its_length(_SOUND.replace(old, new))
    assert any(fault in each for each in found), found


@pytest.mark.parametrize("name", sorted(ECP))
def test_ecp_may_be_left_out(name):
    text = _SOUND.replace("IIP-G02 : partly", f"{name} : no")
    assert faults_but_for_its_length(text) == []


def test_a_page_that_is_no_sound_text_is_refused():
    with pytest.raises(SystemMessage, match="emphasis"):
        entries(f"{_SOUND}\nThis *begins and does not end.\n")


# --- what no other test shows -------------------------------------------------------


@pytest.fixture(scope="module")
def keys():
    return [SigningKey.load(*new_key_pair("peer")) for _ in range(2)]


@pytest.fixture
def read(keys):
    """A participant with these certificates, as its metadata tells of it."""

    def read(**certificates):
        role = ServiceProvider(
            **{"signing_certificates": (keys[0].certificate_text,), **certificates},
            assertion_consumers=(Endpoint(POST, "https://uwv.test/acs", index=0),),
        )
        entity = EntityDescriptor(entity_id="https://uwv.test", service_provider=role)
        signed = write_entity(entity, keys[0])
        (found,) = read_federation(signed, [keys[0].public]).entities
        return found.service_provider

    return read


#: The object identifier of RSA signatures (RFC 8017 appendix C), but for its last byte.
_PKCS1 = bytes.fromhex("06092a864886f70d0101")
_MD5, _SHA1, _SHA256 = b"\x04", b"\x05", b"\x0b"


class TestKeysOfAPeer:
    def test_for_encryption_may_be_several(self, keys, read):
        texts = tuple(key.certificate_text for key in keys)
        found = read(encryption_certificates=texts).encryption_keys
        assert [*found] == [key.public for key in keys]
        for key, theirs in zip(keys, found, strict=True):
            secret = parse(b"<secret/>")
            sealed = encrypt(secret, "saml:EncryptedAssertion", theirs)
            assert Decrypter([key.private]).open(sealed).tag == "secret"

    @pytest.mark.parametrize("digest", [_MD5, _SHA1], ids=["MD5", "SHA-1"])
    def test_may_be_of_a_certificate_signed_with_whatever_digest(
        self, keys, read, digest
    ):
        der = base64.b64decode(keys[1].certificate_text)
        assert der.count(_PKCS1 + _SHA256) == 2, "said inside, and again outside"
        text = to_base64(der.replace(_PKCS1 + _SHA256, _PKCS1 + digest))
        assert read(signing_certificates=(text,)).keys == (keys[1].public,)


_ASSERTION = Assertion(
    id="_a",
    issued=0.0,
    issuer="https://hub.test",
    name_id=NameID("q7Xw2"),
    recipient="https://uwv.test/acs",
    in_response_to="_q",
    confirmation_ends=60.0,
    not_before=None,
    not_on_or_after=60.0,
    audiences=(("https://uwv.test",),),
    authn_instant=0.0,
    session_index=None,
    session_ends=None,
    level_class="urn:level",
    attributes={"mail": ["m@example.nl"], "urn:oid:2.5.4.42": ["Merel"]},
)


def test_a_friendly_name_is_not_read():
    element = write_assertion(_ASSERTION)
    mail, name = element.iter(q("saml:Attribute"))
    mail.set("FriendlyName", name.get("Name"))
    name.set("FriendlyName", mail.get("Name"))
    assert read_assertion(element) == _ASSERTION
