"""Who sends us ciphertexts or guesses learns nothing from how they are refused.

Attacks G15 and point 5 of the issue: whatever fails in decryption or after it gets
the same status, page (but for its reference number) and headers, and takes as long; the
log alone may know more. The answers are looked at over HTTP; how long they take by the
CPU time of the thread that works on one, which others on this machine do not change.
"""

import ast
import base64
import re
import time
from pathlib import Path
from random import Random
from statistics import median
from urllib.parse import urlencode

import pytest
from arena import FORM, HUB, KADASTER, UWV
from cpu_time import no_collection
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from lxml import etree
from parties import HubParty, Party
from webob import Request

import eilogin
from eilogin import clock as now
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.safe_xml import XENC, XENC11, q
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_encryption import encrypt
from eilogin.saml.xml_signatures import signature_verification

WRAPPER = "saml:EncryptedAssertion"
_REFERENCE = re.compile(r"\b[2-9A-Z]{3}-[2-9A-Z]{3}\b")
#: Runs of each kind, and by how much their medians may differ.
RUNS, FACTOR = 200, 1.5


@pytest.fixture(scope="module")
def stranger():
    return SigningKey.load(*new_key_pair("stranger"))


# --- what fails in decryption, and after it -------------------------------------------


class Sender:
    """Makes answers for one participant, whose key everybody knows from metadata."""

    def __init__(self, hub, reader, stranger, request):
        self.hub, self.reader, self.request = hub, reader, request
        self.stranger = stranger
        self.fake = HubParty.__new__(HubParty)
        self.fake.entity_id, self.fake.key = hub.entity_id, stranger

    def assertion(self, **changes):
        return self.hub.signed(self.hub.assertion(self.request, **changes))

    def encrypted(self, element, key=None):
        return encrypt(element, WRAPPER, key or self.reader)

    def sealed(self, octets):
        """What is encrypted need not be an element."""
        key, nonce = bytes(32), bytes(12)
        padding = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - in OAEP it may be
        locked = self.reader.encrypt(key, padding)
        wrapper = self.encrypted(etree.Element("x"))
        for value, new in zip(
            values_in(wrapper),
            (locked, nonce + AESGCM(key).encrypt(nonce, octets, None)),
            strict=True,
        ):
            value.text = base64.b64encode(new).decode()
        return wrapper

    def response(self, wrapper):
        return safe_xml.serialize(self.hub.response(self.request, wrapper))


def values_in(wrapper):
    """The CipherValues: of the key, and of what it has locked."""
    return wrapper.findall(f".//{q('xenc:CipherValue')}")


def flipped(wrapper, place, at):
    value = values_in(wrapper)[place]
    octets = bytearray(base64.b64decode(value.text))
    octets[at] ^= 1
    value.text = base64.b64encode(octets).decode()
    return wrapper


def with_method(wrapper, uri, place=0):
    wrapper.findall(f".//{q('xenc:EncryptionMethod')}")[place].set("Algorithm", uri)
    return wrapper


def lost(wrapper, name):
    for one in wrapper.findall(f".//{q(name)}"):
        one.getparent().remove(one)
    return wrapper


def in_the_same_words(sender, **changes):
    """Signed by the hub, and no login for us now."""
    return sender.encrypted(sender.assertion(**changes))


#: By name: how the wrapper is made that is refused.
FAILURES = {
    "wrong key": lambda s: s.encrypted(s.assertion(), s.stranger.public),
    "broken tag": lambda s: flipped(s.encrypted(s.assertion()), 1, -1),
    "broken nonce": lambda s: flipped(s.encrypted(s.assertion()), 1, 0),
    "broken text": lambda s: flipped(s.encrypted(s.assertion()), 1, 400),
    "broken OAEP": lambda s: flipped(s.encrypted(s.assertion()), 0, -1),
    "no octets": lambda s: s.sealed(b""),
    "CBC": lambda s: with_method(s.encrypted(s.assertion()), XENC + "aes256-cbc"),
    "RSA 1.5": lambda s: with_method(s.encrypted(s.assertion()), XENC + "rsa-1_5", 1),
    "unknown algorithm": lambda s: with_method(s.encrypted(s.assertion()), "urn:x"),
    "another size": lambda s: with_method(
        s.encrypted(s.assertion()), XENC11 + "aes128-gcm"
    ),
    "no key": lambda s: lost(s.encrypted(s.assertion()), "ds:KeyInfo"),
    "junk": lambda s: s.sealed(bytes(range(256))),
    "no XML": lambda s: s.sealed(b"no XML at all"),
    "XML that ends": lambda s: s.sealed(b"<saml:Assertion"),
    "another element": lambda s: s.encrypted(etree.Element("x")),
    "two assertions": lambda s: s.sealed(safe_xml.serialize(s.assertion()) * 2),
    "a doctype": lambda s: s.sealed(b"<!DOCTYPE a><a/>"),
    "not by the schema": lambda s: s.encrypted(etree.Element(q("saml:Assertion"))),
    "unsigned": lambda s: s.encrypted(s.hub.assertion(s.request)),
    "signed by another": lambda s: s.encrypted(
        s.fake.signed(s.hub.assertion(s.request))
    ),
    "changed after that": lambda s: s.sealed(
        safe_xml.serialize(s.assertion()).replace(b">anna<", b">bram<")
    ),
    "SHA-1": lambda s: s.sealed(
        safe_xml.serialize(s.assertion()).replace(
            b"2001/04/xmldsig-more#rsa-sha256", b"2000/09/xmldsig#rsa-sha1"
        )
    ),
    "wrong audience": lambda s: in_the_same_words(s, audiences=(("urn:x",),)),
    "wrong recipient": lambda s: in_the_same_words(s, recipient="https://x.test/"),
    "wrong issuer": lambda s: in_the_same_words(s, issuer="https://x.test/"),
    "another question": lambda s: in_the_same_words(s, in_response_to="_other"),
    "no question": lambda s: in_the_same_words(s, in_response_to=""),
    "too late": lambda s: in_the_same_words(s, confirmation_ends=now.now() - 3600),
    "session over": lambda s: in_the_same_words(s, session_ends=now.now() - 1),
    "names nobody": lambda s: s.encrypted(
        s.hub.signed(nameless(s.hub.assertion(s.request)))
    ),
}


def nameless(assertion):
    assertion.find(f".//{q('saml:NameID')}").text = " "
    return assertion


def seen(answer):
    """What an attacker sees, but for what is new each time."""
    return answer.status, *seen_in(answer.headers, answer.text)


def seen_in(headers, text):
    kept = [(k, v) for k, v in headers if k not in ("Date", "Set-Cookie")]
    return kept, _REFERENCE.sub("-", text)


@pytest.fixture(scope="module")
def under_way(arena):
    return arena.begin(KADASTER)


@pytest.fixture(scope="module")
def sender(arena, under_way, stranger):
    trusts = arena.federation.trusts
    reader = trusts[KADASTER].own.decryption_keys[0].public
    return Sender(HubParty(trusts[HUB]), reader, stranger, under_way.request)


@pytest.fixture(scope="module")
def of_wrong_key(arena, under_way, sender):
    answer = arena.brings(under_way, sender.response(FAILURES["wrong key"](sender)))
    assert answer.status == 400
    return seen(answer)


@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_looks_like_that_of_a_wrong_key(
    arena, under_way, sender, of_wrong_key, name
):
    octets = sender.response(FAILURES[name](sender))
    with arena.unchanged():
        answer = arena.brings(under_way, octets)
    assert seen(answer) == of_wrong_key
    told = arena.refuses(answer)
    assert told["reason"] == "decryption-failed"


@pytest.mark.parametrize("name", ["wrong key", "signed by another", "wrong audience"])
def test_nor_does_a_script_learn_more(arena, under_way, sender, name):
    """Who asks for it gets the code of an error."""
    octets = sender.response(FAILURES[name](sender))
    fields = bindings.post_fields("SAMLResponse", octets, under_way.relay_state)
    answer = under_way.visitor.post(
        under_way.request.acs_url, fields, X_Requested_With="x", Sec_Fetch_Mode="cors"
    )
    assert '"decryption-failed"' in answer.text


def test_the_log_knows_what_the_page_does_not_say(arena, under_way, sender, caplog):
    octets = sender.response(FAILURES["wrong audience"](sender))
    answer = arena.brings(under_way, octets)
    [line] = [one for one in caplog.messages if one.startswith(answer.reference)]
    assert "decrypted the assertion and rejected its content: Audience" in line


def test_the_good_twin_is_taken_after_all_of_them(arena, sender, stranger):
    under_way = arena.begin(KADASTER)
    own = Sender(sender.hub, sender.reader, stranger, under_way.request)
    answer = arena.brings(under_way, own.response(own.encrypted(own.assertion())))
    page = arena.arrive(under_way.visitor, answer.location)
    assert arena.user(page)


# --- how long it takes ----------------------------------------------------------------


@pytest.fixture
def posted(federation, asked):
    """Bring an answer to a participant, in this thread; for how many seconds of CPU."""
    browser = federation.browser()
    browser.stops_before = "SAMLRequest="
    browser.visit("https://stad.test/mijn")
    request, handle = asked(browser.url)
    cookies = browser.cookies("stad.test").items()

    def call_of(octets):
        fields = bindings.post_fields("SAMLResponse", octets, handle)
        call = Request.blank(request.acs_url, method="POST", POST=fields)
        call.headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in cookies)
        call.headers["Accept"] = "text/html"
        return call

    def send(octets):
        return cpu_of(call_of(octets), federation, 400)

    def seen_of(octets):
        answer = call_of(octets).get_response(federation)
        return answer.status_int, *seen_in(answer.headerlist, answer.text)

    send.request, send.seen = request, seen_of
    return send


def cpu_of(request, app, status):
    with no_collection():
        begun = time.thread_time()
        answer = request.get_response(app)
        answer.body  # noqa: B018 - read whole
        taken = time.thread_time() - begun
    assert answer.status_int == status, answer.text
    return taken


def medians(kinds, runs):
    """The median of each kind, all of them by turns in whatever order."""
    times, order = {name: [] for name in kinds}, Random(5)  # noqa: S311 - an order
    for _ in range(runs):
        for name in order.sample(list(kinds), len(kinds)):
            times[name].append(kinds[name]())
    return {name: median(found) for name, found in times.items()}


_TIMED = (
    "wrong key",
    "broken OAEP",
    "no XML",
    "unsigned",
    "signed by another",
    "wrong audience",
)


@pytest.fixture
def in_process(federation, hub, posted, stranger):
    reader = federation.trusts["stad.test"].own.key.public
    return Sender(hub, reader, stranger, posted.request)


def test_every_failure_takes_as_long(posted, in_process):
    octets = {
        name: [in_process.response(FAILURES[name](in_process)) for _ in range(4)]
        for name in _TIMED
    }
    choose = Random(7).choice  # noqa: S311 - no secret
    kinds = {
        name: lambda made=made: posted(choose(made)) for name, made in octets.items()
    }
    for send in kinds.values():
        send()
    found = medians(kinds, RUNS)
    assert max(found.values()) < FACTOR * min(found.values()), found


def test_a_signature_is_verified_whatever_came_of_decryption(
    posted, in_process, monkeypatch
):
    """What takes the time: counted, because a clock cannot be sure."""
    verified = []
    real = signature_verification.verify_octets

    def counted(*arguments):
        verified.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(signature_verification, "verify_octets", counted)
    for name in _TIMED:
        verified.clear()
        posted(in_process.response(FAILURES[name](in_process)))
        assert len(verified) == 1, name


# --- where weak algorithms are taken (accept_weak) ------------------------------------


def locked_by_rsa_1_5(wrapper, octets):
    """A key that is locked in the old way (Bleichenbacher 1998), or seems so."""
    values_in(wrapper)[0].text = base64.b64encode(octets).decode()
    return with_method(wrapper, XENC + "rsa-1_5", 1)


def with_rsa_1_5(sender, key=bytes(32), text=None):
    wrapper = sender.sealed(text or safe_xml.serialize(sender.assertion()))
    locked = sender.reader.encrypt(key, PKCS1v15())
    return locked_by_rsa_1_5(wrapper, locked)


#: The good one beside each of them is another one only to us.
WEAK_FAILURES = {
    **{name: FAILURES[name] for name in ("wrong key", "CBC", "unsigned", "junk")},
    "padding that is none": lambda s: locked_by_rsa_1_5(
        s.sealed(b"x"), bytes([0, 3]) + bytes(254)
    ),
    "another key": lambda s: with_rsa_1_5(s, b"\1" * 32),
    "a key that is too short": lambda s: with_rsa_1_5(s, bytes(16)),
    "no key at all": lambda s: with_rsa_1_5(s, b""),
    "by the old padding, and unsigned": lambda s: with_rsa_1_5(
        s, text=safe_xml.serialize(s.hub.assertion(s.request))
    ),
    "CBC, broken": lambda s: flipped(FAILURES["CBC"](s), 1, -1),
}


class TestWhereWeakOnesAreTaken:
    @pytest.fixture
    def federation(self, clock, witness, eilogin_federation):
        said = {"acs": "post", "accept_weak": "cbc rsa-1.5"}
        return eilogin_federation({"stad.test": witness}, options={"stad.test": said})

    @pytest.fixture
    def hub(self, federation):
        return HubParty(federation.trusts["inloggen.test"])

    def test_all_failures_look_alike(self, federation, posted, in_process):
        looks = {
            name: posted.seen(in_process.response(make(in_process)))
            for name, make in WEAK_FAILURES.items()
        }
        assert {status for status, _, _ in looks.values()} == {400}
        assert {
            name: look for name, look in looks.items() if look != looks["junk"]
        } == {}

    def test_the_good_twin_is_taken(self, posted, in_process):
        octets = in_process.response(with_rsa_1_5(in_process))
        status, _, _ = posted.seen(octets)
        assert status == 303


# --- an encrypted name in a logout ----------------------------------------------------


NAMES = {
    "good": lambda key, _: named("anna", key),
    "wrong key": lambda _, other: named("anna", other),
    "broken tag": lambda key, _: flipped(named("anna", key), 1, -1),
    "broken OAEP": lambda key, _: flipped(named("anna", key), 0, -1),
    "another element": lambda key, _: encrypt(
        etree.Element(q("saml:Issuer")), "saml:EncryptedID", key
    ),
}


def named(name, key):
    element = etree.Element(q("saml:NameID"))
    element.text = name
    return encrypt(element, "saml:EncryptedID", key)


class Logout:
    """A LogoutRequest with an encrypted name, to a party and as another one sends it.

    ``key`` is that of who signs it.
    """

    def __init__(self, arena, to, by, key):
        trusts = arena.federation.trusts
        self.arena, self.key = arena, key or trusts[by].own.key
        self.reader = trusts[to].own.decryption_keys or [trusts[to].own.key]
        self.party = Party(trusts[by], self.key)
        self.url = trusts[to].own.url("slo")
        self.soap_url = trusts[to].own.url("slo_soap")

    def request(self, name, url, stranger):
        make = NAMES[name]
        request = self.party.logout_request(messages.NameID("x"), url)
        clear = request.find(q("saml:NameID"))
        request.replace(clear, make(self.reader[0].public, stranger.public))
        return request

    def by_redirect(self, name, stranger):
        request = self.request(name, self.url, stranger)
        url = self.party.by_redirect(self.url, "SAMLRequest", request)
        return self.arena.ask("GET", url, b"", {"Accept": "text/html"})

    def by_post(self, name, stranger):
        request = self.request(name, self.url, stranger)
        body = urlencode(self.party.by_post("SAMLRequest", request)).encode()
        headers = {"Accept": "text/html", "Content-Type": FORM}
        return self.arena.ask("POST", self.url, body, headers)

    def by_soap(self, name, stranger):
        request = self.request(name, self.soap_url, stranger)
        return self.arena.soap(self.soap_url, self.party.by_soap(request))


BROKEN = [name for name in NAMES if name not in ("good", "another element")]
WAYS = pytest.mark.parametrize("way", ["by_redirect", "by_post", "by_soap"])
PARTIES = pytest.mark.parametrize(
    ("to", "by"), [(UWV, HUB), (HUB, UWV)], ids=["participant", "hub"]
)


def is_refused(answer):
    return answer.status == 400 or answer.is_fault


@WAYS
@PARTIES
def test_nothing_is_decrypted_for_who_has_not_signed_it(  # noqa: PLR0913, PLR0917
    arena, stranger, events, way, to, by
):
    """So that it does not even matter what the name is."""
    send = getattr(Logout(arena, to, by, stranger), way)
    with arena.unchanged():
        answers = [send(name, stranger) for name in NAMES]
    assert all(map(is_refused, answers))
    assert len({str(seen(answer)) for answer in answers}) == 1
    reasons = [event["reason"] for event in events("logout")]
    assert reasons == ["signature-untrusted"] * len(NAMES)


@WAYS
@PARTIES
def test_a_name_that_cannot_be_opened_is_refused_in_one_way(
    arena, stranger, way, to, by
):
    """Here the peer has signed it."""
    send = getattr(Logout(arena, to, by, None), way)
    with arena.unchanged():
        answers = [send(name, stranger) for name in BROKEN]
    assert all(map(is_refused, answers))
    assert len({str(seen(answer)) for answer in answers}) == 1


@WAYS
@PARTIES
def test_the_good_twin_is_opened(arena, stranger, way, to, by):
    answer = getattr(Logout(arena, to, by, None), way)("good", stranger)
    assert not is_refused(answer), answer.text


# --- comparisons ----------------------------------------------------------------------

#: What is compared here is public, or was not brought by anybody.
PUBLIC = {
    # The URI of an algorithm, what an error is called, and a level.
    ("eilogin/saml/xml_signatures/signature_algorithms.py", "digest == key.digest"),
    ("eilogin/saml/second_opinion.py", "c == code"),
    (
        "eilogin/federation/members/certificate_expiry.py",
        "remark.code == CERTIFICATE_EXPIRED",
    ),
    # The name of a count, and the digest of a public file.
    ("eilogin/hub/signin/signin_attempts.py", "attempt.name != code"),
    (
        "eilogin/federation/sources/metadata_sources.py",
        "hashlib.file_digest(file, 'sha256').hexdigest() == self.sha256",
    ),
    ("eilogin/hub/signin/password_signin.py", "level != PASSWORD"),
    ("eilogin/hub/signin/credential_check.py", "level != PASSWORD"),
    ("eilogin/hub/signin/signin_page.py", "level != PASSWORD"),
    (
        "eilogin/hub/logout/retry_queue/hub_logout_queue.py",
        "entry.reasons.get(number) == PrincipalUnknown.code",
    ),
    (
        "eilogin/hub/logout/retry_queue/refused_logouts.py",
        "reason == PrincipalUnknown.code",
    ),
    # Handles of kept forms, each of which the store has looked up before.
    ("eilogin/participant/forms/kept_forms.py", "form.handle == handle"),
    ("eilogin/participant/forms/kept_forms.py", "form.handle != handle"),
    # The language of a page.
    ("eilogin/web/pages/page_languages.py", "code == language"),
    # The name of a cookie, and of a header.
    ("eilogin/filters/session.py", "environ[env.COOKIE].name == self.cookie.name"),
    ("eilogin/web/set_cookie_headers.py", "name.lower() == _SET_COOKIE"),
    # Hashes of metadata, which is public.
    (
        "eilogin/federation/changes/federation_changes.py",
        "self.old.digests[name] == self.new.digests[name]",
    ),
    # How long something is.
    ("eilogin/saml/xml_signatures/octet_signatures.py", "len(signature) != 2 * half"),
    ("eilogin/sessions/session_service.py", "len(token) == _TOKEN_LENGTH"),
    # Both of our own making: what the hub above said, and what is in a sealed cookie.
    (
        "eilogin/hub/signin/upstream_signin.py",
        "_values_from_above(current) == _values_from_above(proof)",
    ),
    (
        "eilogin/hub/signin/upstream_signin.py",
        "(earlier.who, earlier.session_index) != (proof.who, proof.session_index)",
    ),
    (
        "eilogin/participant/response/session_creation.py",
        "pending.begun_as != pending_logins.tag_of(current)",
    ),
    (
        "eilogin/participant/response/failed_logins.py",
        "pending.begun_as != pending_logins.tag_of(login)",
    ),
    # What an application sets now, and what it has set before.
    ("eilogin/participant/application/app_logout_call.py", "cookies == kept"),
    # A SourceID is the hash of an entityID; here one is looked for to name it in a log.
    (
        "eilogin/participant/response/response_intake.py",
        "bindings.source_id(hub_id) == source_id",
    ),
    # What stands in the address too that the same browser asks for.
    (
        "eilogin/hub/signin/signin_page.py",
        "_WAY_MADE.read(visit.cookie_header) == pending.handle",
    ),
    # The hash of an entityID that a browser has chosen.
    ("eilogin/participant/login/hub_choice.py", "_digest(hub) == match[1]"),
    # Against a power failure, not against anybody; of what is public.
    ("eilogin/federation/refresh/metadata_refresh.py", "before.digest == state.digest"),
    ("eilogin/federation/refresh/active_metadata.py", "active.digest == state.digest"),
    ("eilogin/federation/refresh/active_metadata.py", "old.digest == new.digest"),
    (
        "eilogin/federation/changes/change_approval.py",
        "_digest(held.known) != new.digests.get(held.entity_id)",
    ),
    ("eilogin/federation/state/state_records.py", "self.than == active.state.digest"),
    (
        "eilogin/federation/changes/federation_changes.py",
        "self.old.digests[name] == self.new.digests[name]",
    ),
    ("eilogin/sessions/session_records.py", "checksum != str(crc32(body.encode()))"),
}
#: Words in the names of what nobody should be able to guess.
SECRETS = re.compile(
    r"(token|digest|secret|cookie|password|handle|proof|nonce|source_id|checksum|tag_of"
    r"|signature$|\bproof|mac\b|\bcode\b)(?!_)",
    re.IGNORECASE,
)


def comparisons():
    """Each ``==`` and ``!=`` of ours of two values, neither of which is written out."""
    root = Path(eilogin.__file__).parent
    for path in sorted(root.rglob("*.py")):
        name = f"eilogin/{path.relative_to(root)}"
        if name.startswith(("eilogin/cli/", "eilogin/testing/")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            is_equality = isinstance(node.ops[0], ast.Eq | ast.NotEq)
            if is_equality and not any(isinstance(one, ast.Constant) for one in sides):
                yield name, ast.unparse(node), sides


def is_secret(side):
    names = [n.id for n in ast.walk(side) if isinstance(n, ast.Name)]
    names += [n.attr for n in ast.walk(side) if isinstance(n, ast.Attribute)]
    return any(SECRETS.search(name) for name in names)


def test_no_secret_is_compared_by_its_characters_one_after_another():
    """``hmac.compare_digest`` takes as long whatever is equal; ``==`` does not."""
    found = {
        (name, text)
        for name, text, sides in comparisons()
        if any(map(is_secret, sides))
    }
    assert found - PUBLIC == set()
    assert found >= PUBLIC, "what is no more there"
