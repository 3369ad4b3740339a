# ruff: noqa: PLR0913, PLR0917, SLF001 - fixtures are arguments; a filter from inside
"""A hub that is told of a logout over SOAP, on real sockets, and what it answers."""

import socket
import threading
import time
from dataclasses import replace

import pytest
from parties import HubParty, Party, new_party_key
from raw_peer import OK, Peer

from eilogin.config import read
from eilogin.filters.logout_options import LogoutOptions
from eilogin.http_client import BackChannel
from eilogin.participant.logout import logout_requests
from eilogin.saml import bindings, messages
from eilogin.saml.metadata import Endpoint
from eilogin.testing import Federation
from eilogin.web import environ as env
from eilogin.web.visit import Visit

UWV = "https://uwv.test"
LOGOUT = f"{UWV}/eilogin/logout"
HUB = "https://inloggen.test/metadata"
#: How long a hub may take that takes for ever; and any other one.
LIMIT, PATIENCE = 0.5, 30.0
UNKNOWN = "Wij konden niet controleren"
RETRYING = "Wij blijven proberen u ook bij de andere diensten uit te loggen."
EVERYWHERE = "U bent overal uitgelogd"


def show(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A hub and a participant, as long as this file takes."""
    return Federation(tmp_path_factory.mktemp("telling"), {"uwv.test": show})


class Hub(Peer):
    """What stands at the hub's SOAP address."""

    def __init__(self, trust):
        super().__init__(answer)
        self.trust, self.party = trust, HubParty(trust)
        #: What it does with a connection and a LogoutRequest.
        self.answers = None
        #: How many bytes it got rid of.
        self.sent = 0


def answer(hub, connection):
    """As the test has it; and nothing comes behind it."""
    body = hub.requests[-1].partition(b"\r\n\r\n")[2]
    request = messages.read_logout_request(bindings.unwrap_soap(body))
    hub.answers(hub, connection, request)
    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def hub(site):
    """What the participant finds at the hub's SOAP address, and nothing else there."""
    hub = Hub(site.trusts["inloggen.test"])
    stood = site.apps["uwv.test"].app
    trust, known = stood.trust, stood.trust.federation

    class Known:
        def __getattr__(self, name):
            return getattr(known, name)

        def entity(self, entity_id):
            entity = known.entity(entity_id)
            only = (Endpoint(bindings.SOAP, hub.url(path="/slo/soap")),)
            role = replace(entity.identity_provider, single_logouts=only)
            return replace(entity, identity_provider=role)

    stood.trust = replace(trust, federation=Known())
    hub.told = stood.app.app._logout.delivery._sender
    yield hub
    stood.trust = trust
    hub.close()


@pytest.fixture
def log_out(site, hub):
    """Log in, and then out with a hub that answers in this way; what she sees."""

    def log_out(answers, within=PATIENCE):
        hub.answers, hub.told._timeout = answers, within
        browser = site.browser()
        browser.visit(f"{UWV}/mijn")
        browser.press("Inloggen", username="anna", password="demo-anna")
        assert browser.url == f"{UWV}/mijn"
        token = browser.cookie("uwv.test", "__Host-eilogin")
        stood = site.apps["uwv.test"].app
        in_process = stood.trust.back_channel
        real = BackChannel(timeout=PATIENCE)
        stood.trust = replace(stood.trust, back_channel=real)
        try:
            browser.visit(LOGOUT)
        finally:
            stood.trust = replace(stood.trust, back_channel=in_process)
            real.close()
        assert site.apps["uwv.test"].sessions.find(token) is None
        return browser

    return log_out


# --- answers --------------------------------------------------------------------------


def http(body, status="200 OK", kind="text/xml", *more):
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *more]
    lines = "\r\n".join([*head, f"Content-Length: {len(body)}", "Connection: close"])
    return lines.encode() + b"\r\n\r\n" + body


def saying(*octets):
    """The same octets, whatever was asked."""
    return lambda hub, connection, request: connection.sendall(b"".join(octets))


def answering(*codes, key=None, kind="text/xml", **changes):
    """A LogoutResponse, good but for what is changed."""

    def answer(hub, connection, request):
        party = HubParty(hub.trust, key) if key else hub.party
        status = messages.Status(codes or (messages.SUCCESS,))
        response = party.logout_response(request, **{"status": status, **changes})
        connection.sendall(http(party.by_soap(response), kind=kind))

    return answer


def unsigned(hub, connection, request):
    response = hub.party.logout_response(request)
    connection.sendall(http(bindings.wrap_soap(response)))


def silent(hub, connection, request):
    hub.stop.wait(PATIENCE)


def hanging_up(hub, connection, request):
    pass


def drop_by_drop(hub, connection, request):
    connection.sendall(OK + b"\r\n")
    while not hub.stop.wait(0.1):
        connection.sendall(b" ")


def head_drop_by_drop(hub, connection, request):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not hub.stop.wait(0.1):
        connection.sendall(b"x")


def without_end(hub, connection, request):
    connection.sendall(OK + b"\r\n")
    while not hub.stop.is_set():
        hub.sent += connection.send(b"<!-- and so on -->" * 4096)


def without_end_in_its_head(hub, connection, request):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not hub.stop.is_set():
        hub.sent += connection.send(b"X-More: and so on\r\n" * 4096)


PAGE = b"<!doctype html><title>Welcome</title><p>It works!</p>"
FAULT = (
    b'<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/">'
    b"<soap-env:Body><soap-env:Fault><faultcode>soap-env:Server</faultcode>"
    b"<faultstring>anna is not known</faultstring></soap-env:Fault></soap-env:Body>"
    b"</soap-env:Envelope>"
)
ELSEWHERE = "Location: https://evil.test/slo/soap"
LATE = f"did not answer within {LIMIT:g} s"

#: What a hub may answer; the code in the log, and words that tell it from the others.
BAD = {
    "a page": (saying(http(PAGE, kind="text/html")), "message-malformed", ""),
    "a page as XML": (saying(http(PAGE)), "message-malformed", ""),
    "nothing": (saying(http(b"")), "message-malformed", ""),
    "other XML": (saying(http(b"<a/>")), "message-malformed", "SOAP"),
    "an empty envelope": (
        saying(http(b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>')),
        "message-malformed",
        "",
    ),
    "a fault with status 200": (saying(http(FAULT)), "message-malformed", ""),
    "a fault": (
        saying(http(FAULT, "500 Internal Server Error")),
        "peer-unavailable",
        "status 500; eilogin does not repeat its message",
    ),
    "an error page": (
        saying(http(PAGE, "502 Bad Gateway", "text/html")),
        "peer-unavailable",
        "answered with status 502",
    ),
    "a redirect": (
        saying(http(b"", "302 Found", "text/html", ELSEWHERE)),
        "peer-unavailable",
        "answered with status 302",
    ),
    "a redirect that keeps the method": (
        saying(http(b"", "307 Temporary Redirect", "text/html", ELSEWHERE)),
        "peer-unavailable",
        "answered with status 307",
    ),
    "no HTTP": (saying(b"220 mail.example ESMTP\r\n"), "peer-unavailable", ""),
    "less than it says": (
        saying(http(FAULT)[:-20]),
        "peer-unavailable",
        "does not answer",
    ),
    "compressed": (
        saying(
            http(
                b"\x1f\x8b\x08\x00junk", "200 OK", "text/xml", "Content-Encoding: gzip"
            )
        ),
        "message-malformed",
        "",
    ),
    "silence": (silent, "peer-unavailable", LATE),
    "nobody": (
        hanging_up,
        "peer-unavailable",
        "closed the connection without an answer",
    ),
    "a byte at a time": (drop_by_drop, "peer-unavailable", LATE),
    "a head, a byte at a time": (head_drop_by_drop, "peer-unavailable", LATE),
    "a body without end": (
        without_end,
        "peer-unavailable",
        "answered with more than 1000000 bytes",
    ),
    "a head without end": (without_end_in_its_head, "peer-unavailable", ""),
    "not signed": (unsigned, "signature-untrusted", ""),
    "signed by another key": (
        answering(key=new_party_key("attacker")),
        "signature-untrusted",
        "",
    ),
    "for another request": (
        answering(in_response_to="_another"),
        "message-unexpected",
        "",
    ),
    "of another hub": (
        answering(issuer="https://ander.test/metadata"),
        "peer-unknown",
        "",
    ),
    "of an hour ago": (
        answering(issued=time.time() - 3600),
        "message-expired",
        "",
    ),
    "no success": (
        answering(messages.RESPONDER, messages.UNKNOWN_PRINCIPAL),
        "message-unexpected",
        "does not confirm the logout",
    ),
}


@pytest.mark.parametrize(("answers", "code", "words"), BAD.values(), ids=BAD)
def test_invalid_logout_response_is_logged_by_reason_and_not_confirmed(
    log_out, hub, events, caplog, answers, code, words
):
    anna = log_out(answers, LIMIT if words == LATE else PATIENCE)
    assert (RETRYING if code == "peer-unavailable" else UNKNOWN) in anna.text
    assert "Probeer opnieuw uit te loggen" in anna.text
    event = events("logout.answered")[-1]
    assert event["outcome"] in ("refused", "failed")
    assert (event["reason"], event["peer"]) == (code, HUB)
    [line] = [m for m in caplog.messages if m.startswith(event["reference"])]
    assert f"({code}):" in line
    assert words in line
    assert "\n" not in line
    assert HUB in line, "whom to ask"
    assert "anna" not in line
    # What the system keeps on the way is not read.
    assert hub.sent < 64_000_000


GOOD = {
    "as SAML wants it": answering(),
    "with another type": answering(kind="text/html; charset=latin-1"),
    "with a type of its own": answering(kind="application/soap+xml"),
}


@pytest.mark.parametrize("answers", GOOD.values(), ids=GOOD)
def test_a_good_answer_is_one_whatever_it_says_that_it_is(log_out, answers):
    """It is signed; its type is not."""
    assert EVERYWHERE in log_out(answers).text


def test_a_hub_that_is_not_there_is_told_too(log_out, hub, events):
    hub.close()
    assert RETRYING in log_out(None).text
    assert events("logout.answered")[-1]["reason"] == "peer-unavailable"


# --- how many -------------------------------------------------------------------------


def test_so_many_are_at_the_hub_at_once_as_the_option_says(hub, log_out, events):
    assert read(LogoutOptions, {}, {"logouts_at_once": "40"}).logouts_at_once == 40
    with logout_requests._AT_HUBS.hold(HUB, 9, "of another network"):
        hub.told._at_once = 1
        try:
            assert RETRYING in log_out(answering()).text
            assert events("logout.answered")[-1]["reason"] == "peer-busy"
            hub.told._at_once = 2
            assert EVERYWHERE in log_out(answering()).text
        finally:
            hub.told._at_once = 3


def test_a_participant_may_speak_for_itself_alone(site, log_out):
    """Another member that stands at the hub's address is not the hub."""
    uwv = Party(site.trusts["uwv.test"])

    def answers(hub, connection, request):
        response = uwv.logout_response(request)
        connection.sendall(http(uwv.by_soap(response)))

    assert UNKNOWN in log_out(answers).text


def test_a_logout_waits_for_its_turn_at_the_hub(site, monkeypatch):
    """Another one from the same network is there, and ends soon."""
    monkeypatch.setattr("eilogin.web.limits.slots._LONGEST_HELD", 60.0)
    environ = {"REMOTE_ADDR": "192.0.2.7", env.TRUST: site.trusts["uwv.test"]}
    has_it, goes_on = threading.Event(), threading.Event()

    def hold():
        with logout_requests._slot(Visit(environ), HUB, 1):
            has_it.set()
            goes_on.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert has_it.wait(60)
    threading.Timer(0.1, goes_on.set).start()
    with logout_requests._slot(Visit(environ), HUB, 1):
        assert goes_on.is_set()
    holder.join(60)
