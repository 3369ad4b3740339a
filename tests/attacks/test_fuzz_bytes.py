"""Anything at all for each parser: it says what was written, or refuses it by its name.

Base64, deflate, SOAP, artifacts, cookies, what is sealed, metadata and values of ini
files. Below stands what fuzzing has found, each with what it should have been.
"""

import base64
import os
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote, quote_from_bytes
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from eilogin.cli import main
from eilogin.cli.inifiles import entry_points
from eilogin.config import attempt, is_secret, is_there, without_password
from eilogin.errors import (
    MalformedMessage,
    MessageTooLarge,
    PeerUnusable,
    UntrustedSignature,
)
from eilogin.participant.policy.path_rules import PathRules
from eilogin.saml.bindings import (
    Artifact,
    new_artifact,
    read_artifact,
    read_post,
    read_redirect,
    unwrap_soap,
)
from eilogin.saml.messages import read_instant, write_instant
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    read_federation,
    read_unsigned,
    write_federation,
)
from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import MESSAGE, SOAP, parse, serialize
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.sessions import Login
from eilogin.sessions.session_records import UNREADABLE
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text

fixed = partial(settings, derandomize=True, database=None)


# --- base64 and deflate -------------------------------------------------------------


def posted(text):
    return read_post(f"SAMLResponse={quote(text, safe='')}".encode()).octets


@fixed(max_examples=300)
@given(st.text("ABCDwxyz0189+/=\r\n -_%", max_size=24) | st.text(max_size=8))
@example("PGEvPg==")
@example("PGEv\r\nPg==")
@example("PGEvPh==")
@example("PGEvPg===")
@example("PGEvPggg=")
def test_base64_has_one_spelling(text):
    written = text.replace("\r", "").replace("\n", "")
    try:
        octets = posted(text)
    except MalformedMessage:
        is_good = written.isascii() and written == to_base64(_leniently(written))
        assert not is_good
        return
    assert to_base64(octets) == written


def _leniently(written):
    try:
        return base64.b64decode(written)
    except ValueError:
        return b"another"


@fixed(max_examples=100)
@given(st.binary(max_size=60), st.sampled_from(["", "\r\n", "\n"]), st.integers(1, 76))
def test_decodes_base64_with_any_line_breaks(octets, end, width):
    text = to_base64(octets)
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    assert posted(end.join(lines)) == octets


def inflated(packed):
    return read_redirect(f"SAMLRequest={quote_from_bytes(base64.b64encode(packed))}")


def packed(octets, level=6, strategy=zlib.Z_DEFAULT_STRATEGY, flushes=()):
    deflate = zlib.compressobj(level, wbits=-zlib.MAX_WBITS, strategy=strategy)
    parts = [deflate.compress(octets)]
    parts += [deflate.flush(flush) + deflate.compress(octets) for flush in flushes]
    return b"".join(parts) + deflate.flush()


@st.composite
def streams(draw):
    """What was deflated, in one of many ways, and the stream."""
    octets = draw(st.binary(max_size=200))
    flushes = draw(
        st.lists(st.sampled_from([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]), max_size=2)
    )
    strategies = [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_RLE]
    level, strategy = draw(st.integers(0, 9)), draw(st.sampled_from(strategies))
    whole = packed(octets, level, strategy, flushes)
    return octets * (1 + len(flushes)), whole


@fixed(max_examples=150)
@given(stream=streams(), cut=st.integers(0, 6), tail=st.binary(max_size=3))
def test_inflate_accepts_only_one_complete_stream(stream, cut, tail):
    octets, whole = stream
    assert inflated(whole).octets == octets
    if cut or tail:
        assume(whole[: len(whole) - cut] + tail != whole)
        # By chance it may be another whole one.
        changed = whole[: len(whole) - cut] + tail
        try:
            found = inflated(changed).octets
        except MalformedMessage:
            return
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        assert inflate.decompress(changed) == found
        assert inflate.eof
        assert not inflate.unused_data


@fixed(max_examples=300)
@given(st.binary(max_size=80))
def test_any_octets_inflate_to_what_zlib_says_or_are_refused(octets):
    try:
        found = inflated(octets).octets
    except MalformedMessage:
        return
    assert found == zlib.decompress(octets, wbits=-zlib.MAX_WBITS)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_message_may_be_as_large_as_it_may_be(more):
    octets = bytes(MESSAGE.octets + more)
    if more > 0:
        with pytest.raises(MessageTooLarge):
            inflated(packed(octets))
        with pytest.raises(MessageTooLarge):
            posted(to_base64(octets))
    else:
        assert inflated(packed(octets)).octets == octets
        assert posted(to_base64(octets)) == octets


# --- envelopes ----------------------------------------------------------------------

TOKENS = [
    "<e:Envelope>",
    "</e:Envelope>",
    "<e:Header>",
    "</e:Header>",
    "<e:Body>",
    "</e:Body>",
    '<h e:mustUnderstand="1"/>',
    '<h e:mustUnderstand="0"/>',
    "<e:Fault><faultcode>e:Client</faultcode></e:Fault>",
    "<message/>",
    "<!-- x -->",
    "text",
    "<?x?>",
    "&#60;",
]
GOOD = ["<e:Envelope>", "<e:Body>", "<message/>", "</e:Body>", "</e:Envelope>"]


@fixed(max_examples=300)
@given(
    st.lists(st.sampled_from(TOKENS), max_size=9)
    | st.lists(st.tuples(st.integers(0, 5), st.sampled_from(TOKENS)), max_size=3).map(
        lambda more: _put_into(GOOD, more)
    )
)
@example(GOOD)
def test_an_envelope_holds_one_element_for_every_reader(tokens):
    text = "".join(tokens).replace("<e:Envelope>", f'<e:Envelope xmlns:e="{SOAP}">', 1)
    try:
        element = unwrap_soap(text.encode())
    except MalformedMessage:
        assert tokens != GOOD
        return
    assert element.tag == "message"
    (body,) = ET.fromstring(text).findall(  # noqa: S314 - ours
        f"{{{SOAP}}}Body"
    )
    assert [child.tag for child in body] == ["message"]
    assert "<?x?>" not in text
    assert 'mustUnderstand="1"' not in text


def _put_into(tokens, more):
    changed = [*tokens]
    for at, token in more:
        changed.insert(at, token)
    return changed


@fixed(max_examples=200)
@given(st.binary(max_size=120))
def test_any_octets_are_no_envelope(octets):
    with pytest.raises(MalformedMessage):
        unwrap_soap(octets)


# --- artifacts ----------------------------------------------------------------------


@fixed(max_examples=200)
@given(
    st.binary(min_size=38, max_size=50)
    | st.binary(min_size=42, max_size=42).map(lambda rest: b"\0\4" + rest)
)
def test_an_artifact_is_forty_four_octets_of_type_four(octets):
    try:
        artifact = read_artifact(to_base64(octets))
    except MalformedMessage:
        assert len(octets) != 44 or octets[:2] != b"\0\4"
        return
    index = int.from_bytes(octets[2:4])
    assert artifact == Artifact(octets[4:24], index, octets[24:])
    assert len(octets) == 44


@fixed(max_examples=200)
@given(at=st.integers(0, 59), instead=st.text(max_size=3))
def test_an_artifact_with_another_character_is_another_one_or_none(at, instead):
    text = new_artifact("https://hub.test")
    changed = text[:at] + instead + text[at + 1 :]
    try:
        found = read_artifact(changed)
    except MalformedMessage:
        return
    is_same = changed.replace("\r", "").replace("\n", "") == text
    assert (found == read_artifact(text)) == is_same


# --- cookies, and what is sealed in them ----------------------------------------------

PIECES = ["__Host-eilogin", "=", ";", "; ", " ", "\t", "token", "x", '"', "\xa0", ","]


@fixed(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example("__Host-eilogin=token")
@example("x=__Host-eilogin=token; __Host-eilogin=token; __Host-eilogin=x")
def test_a_cookie_is_what_a_plain_reader_finds(header):
    pairs = [pair.strip(" \t") for pair in header.split(";")]
    start = "__Host-eilogin="
    values = {p.removeprefix(start).strip(" \t") for p in pairs if p.startswith(start)}
    expected = values.pop() or None if len(values) == 1 else None
    assert Cookie("eilogin").read(header) == expected


SEALER = Sealer([b"of this party", b"the one before"], "test")


@fixed(max_examples=200)
@given(
    at=st.integers(0, 60), instead=st.text(max_size=2) | st.sampled_from(["=", "A", ""])
)
def test_a_sealed_text_with_another_character_is_not_sealed(at, instead):
    text = as_text(SEALER.seal(b"who she is", "here"))
    changed = text[:at] + instead + text[at + 1 :]
    try:
        found = SEALER.open(from_text(changed), "here")
    except NotSealed:
        assert changed != text
        return
    assert found == b"who she is"


@fixed(max_examples=200)
@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda o: SEALED[:20] + o))
def test_any_octets_are_not_sealed(octets):
    with pytest.raises(NotSealed):
        SEALER.open(octets, "here")


SEALED = SEALER.seal(b"who she is", "here")


@fixed(max_examples=300)
@given(st.text(max_size=80) | st.text('[]{}",:0123456789.eE-ntf\n', max_size=80))
@example("1\n[1,")
def test_any_text_is_no_login(text):
    with pytest.raises(UNREADABLE):
        Login.from_json(text, "key", 0.0)


# --- metadata -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def operator():
    return SigningKey.load(*new_key_pair("operator"))


@pytest.fixture(scope="module")
def metadata(operator):
    hub = EntityDescriptor(
        entity_id="https://hub.test/metadata",
        identity_provider=IdentityProvider(
            signing_certificates=(operator.certificate_text,),
            single_sign_ons=(
                Endpoint(
                    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
                    "https://hub.test/sso",
                ),
            ),
        ),
        names={"nl": "Inloggen"},
    )
    return write_federation([hub], name="Test", valid_until=2e9, key=operator)


@fixed(max_examples=200)
@given(
    at=st.integers(0, 2**13),
    length=st.integers(0, 60),
    instead=st.binary(max_size=3)
    | st.sampled_from([b"<!---->", b"&#104;", b"<x/>", b"<![CDATA[x]]>", b"\xc2\x85"]),
)
def test_metadata_with_other_octets_says_what_was_signed(
    metadata, operator, at, length, instead
):
    keys = [operator.public]
    at %= len(metadata)
    changed = metadata[:at] + instead + metadata[at + length :]
    for read in (partial(read_federation, keys=keys), read_unsigned):
        try:
            found = read(changed)
        except (MalformedMessage, UntrustedSignature, PeerUnusable):
            continue
        if read is not read_unsigned:
            assert found == read_federation(metadata, keys)
        roles = [entity.identity_provider for entity in found.entities]
        assert all(role is None or role.keys for role in roles)


@fixed(max_examples=200)
@given(st.binary(max_size=200))
def test_any_octets_are_no_metadata(operator, octets):
    with pytest.raises(MalformedMessage):
        read_federation(octets, [operator.public])
    with pytest.raises(MalformedMessage):
        read_unsigned(octets)


# --- values of ini files --------------------------------------------------------------

SECRET = "zeer-geheim-7f3a"
OPTIONS = [
    (name, option)
    for name, declared in entry_points.declared().items()
    # It has those of its filters, and no others.
    if name != "main"
    for option in declared.model_fields
]
WORDS = [
    "15m", "0", "9" * 30, "2h", "64m", "off", "true", "basis", "/mijn", "=/", "//x",
    "https://", "uwv.example.nl", ":", "@", "=", ",", "%", " ", "\n", "*", "?", "#",
    "..", "env:", "file:", "x" * 300, "[::1]", "127.0.0.0/8", "redis://", "sqlite:///",
    "\0",
    "attribute:", "methods=GET", "idle=5m", "é", "\N{LINE SEPARATOR}", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "option"), OPTIONS, ids=[":".join(each) for each in OPTIONS]
)
@fixed(max_examples=25)
@given(text=st.lists(st.sampled_from(WORDS), max_size=5).map("".join) | st.text())
def test_every_value_of_an_option_is_taken_or_told(name, option, text):
    declared = entry_points.declared()[name]
    if is_secret(declared.model_fields[option].annotation):
        text = SECRET + text
    assume("/dev" not in text)
    options, faults = attempt(declared, "", "filter:x", {option: text})
    assert (options is None) == bool(faults)
    assert SECRET not in "".join(map(str, faults))


@fixed(max_examples=200)
@given(st.text(st.sampled_from(" 0123456789smhminec.-+eE٣"), max_size=12))
def test_a_duration_is_a_number_and_a_unit(text):
    declared = entry_points.declared()["session"]
    options, _ = attempt(declared, "", "", {"idle": text, "store": "memory:"})
    if options is not None:
        assert 0 < options.idle < 1e13


@fixed(max_examples=200)
@given(
    st.lists(
        st.lists(st.sampled_from(["/", "=/", "mijn", "%2F", "%", "..", " ", "basis",
                                  "off", "idle=", "5m", "methods=", "GET", "hoog"]),
                 max_size=8).map("".join),
        max_size=3,
    )
)  # fmt: skip
def test_lines_of_protect_give_rules_or_a_fault_that_says_where(lines):
    try:
        rules = PathRules.parse(lines)
    except ValueError as error:
        fault = str(error)
    else:
        fault = ""
    assert not fault or "(line " in fault
    for line in () if fault else lines:
        path = line.split()[0].removeprefix("=")
        assert rules.rule_for(path).need in line


# --- what was found -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T23:59:59.9995Z",
        "9999-12-31T23:59:59.999Z",
    ],
)
def test_the_last_instant_that_can_be_said_can_be_told(text):
    """A log that told of it ended in ValueError: rounded up, to the year 10000."""
    assert write_instant(read_instant(text)) == "9999-12-31T23:59:59.999Z"


def test_an_answer_from_the_end_of_time_is_refused_and_no_fault(
    federation, hub, asked, send_form, caplog
):
    """The envelope that nobody signed said so: the page was that of a fault of ours."""
    browser = federation.browser()
    browser.stops_before = "https://inloggen.test"
    browser.visit("https://stad.test/mijn")
    request, state = asked(browser.url)
    answer = hub.answer(request)
    assert send(send_form, request, answer, state).status_int == 303
    answer = hub.answer(request)
    answer.set("IssueInstant", "9999-12-31T23:59:59.9999999Z")
    response = send(send_form, request, answer, state)
    assert response.status_int == 400
    assert "login refused (message-expired)" in caplog.text
    assert "9999" not in response.text


def send(send_form, request, answer, state):
    octets = serialize(answer)
    fields = {"SAMLResponse": to_base64(octets), "RelayState": state}
    return send_form(request.acs_url, fields)


@pytest.mark.parametrize(
    "text", ["PGEvPh==", "PGEvPg====", "PGEvPggg=", "PGEvPggg==", "===="]
)
def test_base64_with_bits_or_padding_too_many_is_refused(text):
    """A lenient decoder takes it: one message had many texts."""
    with pytest.raises(MalformedMessage, match="base64"):
        posted(text)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("redis//u:geheim@host:6379", "redis//***@host:6379"),
        ("//u:geheim@host", "//***@host"),
        ("u:geheim@host:6379", "***@host:6379"),
        ("u@x:ge:heim@host", "***@host"),
        ("redis ://u:geheim@host", "redis ://***@host"),
        ("postgres://u:geheim@host", "postgres://***@host"),
        ("https://u:ge heim@host/", "https://***@host/"),
        ("https://u:ge/ heim@host/", "https://***@host/"),
        ("https://u:ge@ heim@host/", "https://***@host/"),
        ("https://jan@uwv:ge heim@host/", "https://***@host/"),
        ("https://jan@uwv:geheim@host/", "https://***@host/"),
        ("https://u v:ge heim@host/", "https://***@host/"),
        ("https://u:123 heim@host/", "https://***@host/"),
        ("postgres//u:ge heim@host", "postgres//***@host"),
        ("//u:ge heim@host", "//***@host"),
        # In these there is none.
        ("https://uwv.example.nl:8443/x", "https://uwv.example.nl:8443/x"),
        ("https://uwv.nl:8443/x uwv@2.pem", "https://uwv.nl:8443/x uwv@2.pem"),
        ("https://[::1]/x uwv@2.pem", "https://[::1]/x uwv@2.pem"),
        ("sqlite:////var/lib/a b@c.db", "sqlite:////var/lib/a b@c.db"),
        ("mailto:beheer@uwv.example.nl", "mailto:beheer@uwv.example.nl"),
        ("/mijn/bezwaar midden", "/mijn/bezwaar midden"),
    ],
)
def test_a_fault_shows_no_password_of_an_address_with_a_slip(written, shown):
    """Where the scheme or its colon was forgotten all of it stood in the fault."""
    assert without_password(written) == shown


def test_a_fault_shows_no_secret_that_stands_behind_env():
    """As far as it is seen to be none of the names that variables have."""
    for written, shown in (
        ("env:EILOGIN_SECRET", "the environment variable EILOGIN_SECRET to be set"),
        ("env:zeer geheim", "the environment variable behind 'env:' to be set"),
        ("env:u:geheim@host", "the environment variable behind 'env:' to be set"),
    ):
        declared = entry_points.declared()["trust"]
        _, faults = attempt(declared, "", "", {"secret": written})
        (told,) = [str(fault) for fault in faults if fault.option == "secret"]
        assert shown in told
        assert "geheim" not in told


LONG = "x" * 300


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("trust", {"key": LONG}),
        ("trust", {"federation": LONG}),
        ("trust", {"federation": f"{LONG} {LONG}"}),
        ("trust", {"federation_folder": LONG}),
        ("wsgi", {"path": LONG}),
    ],
)
def test_a_path_that_no_file_can_have_is_a_fault(name, values):
    """It was an OSError, and no word of which option."""
    _, faults = attempt(entry_points.declared()[name], "", "filter:x", values)
    (fault,) = [fault for fault in faults if fault.option in values]
    assert "existing" in fault.expected


def test_a_store_where_no_file_can_be_is_a_fault(tmp_path):
    """``eilogin check`` ended in OSError."""
    ini = tmp_path / "uwv.ini"
    ini.write_text(
        "[pipeline:main]\npipeline = session app\n"
        "[filter:session]\nuse = egg:eilogin#session\n"
        f"store = sqlite:///{tmp_path}/{LONG}/eilogin.db\n"
        "[app:app]\nuse = egg:eilogin#wsgi\napp = wsgiref.simple_server:demo_app\n"
    )
    told = CliRunner().invoke(main, ["check", str(ini)])
    assert told.exit_code == 1
    assert "[filter:session] store: " in told.output
    assert "cannot check it (File name too long)" in told.output


def test_names_that_messages_invent_are_not_kept_for_ever():
    """libxml2 keeps each name for as long as the thread lives that parsed it."""

    def names_kept(messages):
        before = etree.memory_debugger.dict_size()
        for number in range(messages):
            names = (f"n{number}x{place}" for place in range(4000))
            parse(f"<a>{''.join(f'<{name}/>' for name in names)}</a>".encode())
        return etree.memory_debugger.dict_size() - before

    with ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(names_kept, 1).result() >= 4000
    with ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(names_kept, 60).result() < 40 * 4000


AS_NOBODY = """
import os, sys
from eilogin.cli.inifiles import entry_points
from eilogin.config import attempt
from eilogin.web.visit import Visit
declared = entry_points.declared()["trust"]
os.setuid(65534)
_, faults = attempt(declared, "", "filter:x", {"key": sys.argv[1]})
print([fault.expected for fault in faults if fault.option == "key"])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_path_in_a_folder_of_somebody_else_is_a_fault(tmp_path):
    """As /etc/ssl/private is at Debian. It was a traceback with PermissionError."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "uwv.key").write_text("x")
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, private / "uwv.key"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "folders that this user may enter" in done.stdout


def test_path_check_reports_a_folder_without_permission():
    def denied():
        raise PermissionError

    with pytest.raises(ValueError, match="may enter"):
        is_there(denied)
