"""Participants that answer a logout with anything but that it is done.

Over real sockets: each is told apart in the log, counts as not delivered, and is told
again; and none of them holds the hub for longer than its time-out, or fills it.
"""

import gzip
import itertools
import socket
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from raw_peer import OK, Peer
from webob import Request

from eilogin.http_client import BackChannel
from eilogin.saml import bindings, messages

HUB = "https://inloggen.test"
HOSTS = ("uwv.test", "stad.test", "land.test")
STAD, LAND = (f"https://{host}/eilogin/metadata" for host in HOSTS[1:])
START = 1_795_510_800.0  # 2026-11-24T09:00:00Z
FAILED = messages.Status((messages.RESPONDER,))
NOT_KNOWN = messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL))
#: Seconds that a participant may take, and more than the hub could need with that.
TIMEOUT = 2.0
PATIENCE = 60.0
#: Of whom no answer may make the log tell.
NUMBER = "900000016"


class Road(BackChannel):
    """Over sockets to one participant, and as in one process to all others."""

    def __init__(self, inner, stad):
        super().__init__(timeout=TIMEOUT)
        self._inner = inner
        self._stad = stad

    def post(self, url, body, *, timeout=None):
        parts = urlsplit(url)
        if parts.hostname != "stad.test":
            return self._inner.post(url, body, timeout=timeout)
        return super().post(self._stad.url(path=parts.path), body, timeout=timeout)


@pytest.fixture
def stad():
    """The participant: ``behave`` is how it answers."""
    peer = Peer(None)
    yield peer
    peer.close()


@pytest.fixture
def hub_options():
    return {"logout_timeout": f"{TIMEOUT:g}s"}


@pytest.fixture
def federation(federation, stad):
    outermost = federation.apps["inloggen.test"].app
    road = Road(outermost.trust.back_channel, stad)
    outermost.trust = replace(outermost.trust, back_channel=road)
    yield federation
    road.close()


@pytest.fixture
def log_out(anna):
    """Log out with the button; the hosts on the page of who was not reached."""

    def press():
        anna.browser.visit(f"{HUB}/")
        anna.browser.press("Overal uitloggen")
        return {host for host in HOSTS if host in anna.browser.text}

    return press


@pytest.fixture
def undelivered(  # noqa: PLR0913, PLR0917
    federation, anna, stad, log_out, clock, caplog, events
):
    """Log out, and see that it counts as not delivered; the log's line about it.

    All others know it, and stad is told again when it has come to its senses.
    """

    def check():
        start = time.monotonic()
        assert log_out() == {"stad.test"}
        assert time.monotonic() - start < PATIENCE
        assert anna.is_in == {"stad.test"}
        [event] = [one for one in events("logout.delivered") if one["peer"] == STAD]
        assert event["outcome"] == "failed"
        [line] = [m for m in caplog.messages if m.startswith("logout not delivered")]
        assert line.startswith(f"logout not delivered to {STAD}: ")
        assert "\n" not in line
        assert NUMBER not in caplog.text
        assert anna.logins["stad.test"].who.name_id not in caplog.text
        stad.behave = told_to(federation)
        clock.shift(PATIENCE)
        assert federation.work() == 1
        assert anna.is_in == set()
        return event["reason"], line

    return check


def told_to(federation):
    """Behave as the participant itself does."""

    def behave(peer, connection):
        _, _, body = peer.requests[-1].partition(b"\r\n\r\n")
        request = Request.blank("https://stad.test/eilogin/slo/soap", method="POST")
        request.body = body
        connection.sendall(saying(request.get_response(federation).body))

    return behave


def saying(body, *headers, status=b"200 OK"):
    """The bytes of an answer."""
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 " + status, length, *headers, b"", body])


# --- what is no answer ----------------------------------------------------------------

PAGE = f"<!doctype html><p>Welkom, {NUMBER}".encode()
ENVELOPE = (
    b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
    b"%s</e:Body></e:Envelope>"
)
MANY = b'<!DOCTYPE e [<!ENTITY a "aaaaaaaaaa">%s]>' % b"".join(
    b'<!ENTITY %c "%s">' % (letter, b"&%c;" % (letter - 1) * 10)
    for letter in range(ord("b"), ord("k"))
)

NO_ANSWERS = {
    "a page": (saying(PAGE, b"Content-Type: text/html"), "message-malformed", "XML"),
    "a page, well-formed": (
        saying(b"<html><p>900000016</p></html>"),
        "message-malformed",
        "not a SOAP 1.1 envelope",
    ),
    "nothing": (saying(b""), "message-malformed", "XML"),
    "a redirect": (
        saying(b"", b"Location: https://evil.test/", status=b"302 Found"),
        "peer-unavailable",
        "answered with status 302",
    ),
    "a page that is not there": (
        saying(PAGE, status=b"404 Not Found"),
        "peer-unavailable",
        "answered with status 404",
    ),
    "a fault": (
        saying(bindings.soap_fault("Server", NUMBER), status=b"500 Oops"),
        "peer-unavailable",
        "answered with status 500; eilogin does not repeat its message",
    ),
    "a fault as if all were well": (
        saying(bindings.soap_fault("Server", NUMBER)),
        "message-malformed",
        "answered with a SOAP fault",
    ),
    "two messages": (
        saying(ENVELOPE % b"<a/><b/>"),
        "message-malformed",
        "does not contain exactly one element",
    ),
    "something signed by nobody": (
        saying(ENVELOPE % b"<a/>"),
        "message-malformed",
        "no Issuer",
    ),
    "entities": (saying(MANY + ENVELOPE % b"&j;"), "message-malformed", "DOCTYPE"),
    "depth": (
        saying(ENVELOPE % (b"<a>" * 10_000 + b"</a>" * 10_000)),
        "message-malformed",
        "XML is not well-formed (line 1, column 8",
    ),
    "something packed": (
        saying(gzip.compress(ENVELOPE % b"<a/>"), b"Content-Encoding: gzip"),
        "message-malformed",
        "not UTF-8",
    ),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", "peer-unavailable", "not answer"),
    "a line without an end": (
        OK + b"X: " + b"x" * 200_000,
        "peer-unavailable",
        "LineTooLong",
    ),
    "more headers than anybody has": (
        OK + b"".join(b"X-%d: x\r\n" % number for number in range(200)) + b"\r\n",
        "peer-unavailable",
        "headers",
    ),
}


@pytest.mark.parametrize(
    ("answer", "code", "says"), NO_ANSWERS.values(), ids=NO_ANSWERS
)
def test_failed_logout_reports_the_kind_of_invalid_answer(
    stad, undelivered, answer, code, says
):
    stad.behave = lambda peer, connection: connection.sendall(answer)
    reason, line = undelivered()
    assert reason == code
    assert says in line


def test_failed_logout_reports_a_closed_connection(stad, undelivered):
    stad.behave = lambda peer, connection: connection.shutdown(socket.SHUT_RDWR)
    reason, line = undelivered()
    assert reason == "peer-unavailable"
    assert "closed the connection without an answer" in line


# --- what has no end ------------------------------------------------------------------


def one_byte_after_another(peer, connection):
    connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
    while not peer.stop.wait(0.2):
        connection.sendall(b"x")


def going_on(peer, connection):
    while not peer.stop.wait(0.01):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def silent(peer, connection):
    peer.stop.wait(PATIENCE)


@pytest.mark.parametrize("behave", [one_byte_after_another, going_on, silent])
def test_logout_times_out_for_a_participant_without_a_full_answer(
    stad, undelivered, behave
):
    stad.behave = behave
    reason, line = undelivered()
    assert reason == "peer-unavailable"
    assert "did not answer within 2 s" in line


@pytest.mark.parametrize(
    "head",
    [
        OK + b"Content-Length: 1000000000\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3b9aca00\r\n",
        OK + b"\r\n",
    ],
    ids=["long", "in a chunk", "until it hangs up"],
)
def test_an_answer_without_end_is_not_read(stad, undelivered, head):
    sent = itertools.count()

    def behave(peer, connection):
        connection.sendall(head)
        while not peer.stop.is_set():
            connection.sendall(b"x" * 1_000_000)
            next(sent)

    stad.behave = behave
    reason, line = undelivered()
    assert reason == "peer-unavailable"
    assert "answered with more than 1000000 bytes" in line
    # The rest is what lies in sockets.
    assert next(sent) < 20


# --- what is an answer, and not to be believed ----------------------------------------


@pytest.fixture
def speaks(stad):
    """Have stad answer what a test makes of the request."""

    def speak(make):
        def behave(peer, connection):
            _, _, body = peer.requests[-1].partition(b"\r\n\r\n")
            request = messages.read_logout_request(bindings.unwrap_soap(body))
            connection.sendall(saying(make(request)))

        stad.behave = behave

    return speak


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"in_response_to": "_other"}, "message-unexpected", "InResponseTo"),
        ({"issued": START - 600}, "message-expired", "T08:50:00Z"),
        ({"issued": START + 600}, "message-expired", "T09:10:00Z"),
        ({"status": FAILED}, "message-unexpected", "did not log the visitor out"),
        ({"status": NOT_KNOWN}, "principal-unknown", "did not log the visitor out"),
        (
            {"issuer": LAND},
            "signature-untrusted",
            ("matches no key of the expected signer"),
        ),
        ({"issuer": "https://nobody.test/"}, "peer-unknown", "not a member"),
    ],
    ids=[
        "for another request",
        "old",
        "to come",
        "no",
        "not known",
        "as another",
        "as nobody",
    ],
)
def test_failed_logout_reports_a_logout_response_that_does_not_match(  # noqa: PLR0913, PLR0917
    party, speaks, undelivered, changes, code, says
):
    stad = party("stad.test")
    speaks(lambda request: stad.by_soap(stad.logout_response(request, **changes)))
    reason, line = undelivered()
    assert reason == code
    assert says in line


def test_failed_logout_reports_a_logout_response_by_another_key(
    party, speaks, undelivered, attacker_key
):
    stranger = party("stad.test", attacker_key)
    speaks(lambda request: stranger.by_soap(stranger.logout_response(request)))
    reason, line = undelivered()
    assert reason == "signature-untrusted"
    assert "matches no key of the expected signer" in line


def by_nobody(stad, request):
    return bindings.wrap_soap(stad.logout_response(request))


def changed_afterwards(stad, request):
    octets = stad.by_soap(stad.logout_response(request, status=FAILED))
    assert octets.count(messages.RESPONDER.encode()) == 1
    return octets.replace(messages.RESPONDER.encode(), messages.SUCCESS.encode())


def around_another_one(stad, request):
    """Not signed itself: what is signed stands in it, and answers another request."""
    around = stad.logout_response(request)
    around.append(stad.signed(stad.logout_response(request, in_response_to="_other")))
    return bindings.wrap_soap(around)


def a_request(stad, request):
    """What was asked, said by who was asked."""
    return stad.by_soap(stad.logout_request(request.name_id, f"{HUB}/slo/soap"))


@pytest.mark.parametrize(
    ("make", "code", "says"),
    [
        (by_nobody, "signature-untrusted", ": not signed"),
        (changed_afterwards, "signature-untrusted", "changed after it was signed"),
        (around_another_one, "message-malformed", "not valid by its schema"),
        (a_request, "message-malformed", "expected a samlp:LogoutResponse"),
    ],
)
def test_failed_logout_reports_an_unsigned_or_changed_answer(  # noqa: PLR0913, PLR0917
    party, speaks, undelivered, make, code, says
):
    stad = party("stad.test")
    speaks(lambda request: make(stad, request))
    reason, line = undelivered()
    assert reason == code
    assert says in line
