"""Methods, parameters, content types and lengths of requests, through real servers.

A good login, question and logout stand beside all of it: what is refused would be taken
if nothing were odd about how it comes.
"""

import contextlib
import re
import socket
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode, urlsplit

import pytest
from raw_http import HUB, MIJN, PATIENCE, STAD, UWV, Answer, ask, request

from eilogin.saml import bindings
from eilogin.saml.messages import PERSISTENT, NameID

FORM = "Content-Type: application/x-www-form-urlencoded"
TEXT = "Accept: text/html"
#: What a script asks for; it is told the code of an error, which the log has.
DATA = "Accept: application/json"
REFERENCE = re.compile(r"[2-9A-Z]{3}-[2-9A-Z]{3}")
SOAP = ("/eilogin/slo/soap", "/slo/soap", "/artifact", "/activity")


def code_of(answer, *statuses):
    """The code of a refusal of ours, which has a reference number and no cookie.

    What is no HTTP the server refuses by itself, in its own words: "".
    """
    assert answer.status in (statuses or (400,)), answer
    assert not answer.all("Set-Cookie"), answer
    assert b"Traceback" not in answer.body
    if answer.one("Content-Type") != "application/json":
        assert not answer.all("X-Content-Type-Options"), answer
        return ""
    assert answer.one("Cache-Control") == "no-store"
    assert REFERENCE.fullmatch(answer.json["reference"])
    return answer.json["reason"]


# --- methods ------------------------------------------------------------------------

PAGES, BROUGHT, FORMS = "GET, HEAD", "GET, POST", "POST"
ALLOWED = {
    UWV: {
        "/eilogin/metadata": PAGES,
        "/eilogin/language": PAGES,
        "/eilogin/login": PAGES,
        "/eilogin/discovery": PAGES,
        "/eilogin/acs": BROUGHT,
        "/eilogin/logout": BROUGHT,
        "/eilogin/slo": BROUGHT,
        "/eilogin/slo/soap": FORMS,
        "/eilogin/session": "GET, HEAD, POST",
        "/eilogin/again": PAGES,
    },
    STAD: {"/eilogin/warning.js": PAGES},
    HUB: {
        "/": "GET, HEAD, POST",
        "/metadata": PAGES,
        "/language": PAGES,
        "/login": "GET, HEAD, POST",
        # A participant looks by HEAD whether its hub is there.
        "/sso": "GET, HEAD, POST",
        "/artifact": FORMS,
        "/activity": FORMS,
        "/logout": "GET, HEAD, POST",
        "/slo": "GET, HEAD, POST",
        "/slo/soap": FORMS,
        "/health": "GET, HEAD, OPTIONS",
    },
    MIJN: {"/": PAGES, "/go": PAGES, "/logo": PAGES},
}
METHODS = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"),
    *("PROPFIND", "SEARCH", "LOCK", "GETS", "FOO"),
)
ADDRESSES = [(host, path) for host, paths in ALLOWED.items() for path in paths]


@pytest.mark.parametrize(("host", "path"), ADDRESSES)
def test_every_address_takes_its_own_methods_and_names_them(served, host, path):
    allowed = ALLOWED[host][path].split(", ")
    for method in METHODS:
        octets = request(method, path, DATA, "X-Secret: 1234567", host=host)
        answer = served.ask(octets, host)
        if method in allowed:
            assert answer.status not in (405, 501), method
        elif method == "CONNECT" and answer.status == 400:
            continue
        else:
            assert answer.status == 405, (method, answer)
            assert answer.one("Allow") == ALLOWED[host][path]
            assert answer.one("Cache-Control") == "no-store"
            assert b"1234567" not in answer.body
            if method != "HEAD":
                assert code_of(answer, 405) == "method-not-allowed"


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override"])
def test_no_header_makes_another_method_of_one(served, header):
    lines = (f"{header}: POST", "X-HTTP-Method: POST", FORM, DATA)
    for path, host in (("/slo/soap", HUB), ("/eilogin/slo/soap", UWV)):
        octets = request("GET", path, *lines, host=host, body=b"_method=POST")
        assert code_of(served.ask(octets, host), 405) == "method-not-allowed"


def test_a_method_in_lower_case_is_none(served):
    answer = served.ask(request("get", "/eilogin/session"))
    assert answer.status in (400, 405)


# --- a login that is under way ------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """A login that a browser has begun, and what a good answer to it is."""

    served: object
    cookies: str
    relay_state: str
    #: Pairs of the form, as they are written.
    form: tuple[tuple[str, str], ...]

    @property
    def body(self):
        return urlencode(self.form).encode()

    @property
    def message(self):
        return quote(dict(self.form)["SAMLResponse"], safe="")

    def deliver(self, body=None, *lines, target="/eilogin/acs"):
        """What comes of a body, or of the good one."""
        octets = request(
            "POST",
            target,
            *(lines or (FORM,)),
            DATA,
            body=self.body if body is None else body,
        )
        return self.served.ask(octets)

    def is_taken(self, answer):
        """Whether she is logged in by what was delivered, in her browser alone."""
        assert answer.status == 303, answer
        url = urlsplit(answer.one("Location"))
        assert (url.netloc, url.path) == (UWV, "/eilogin/acs")
        assert not answer.all("Set-Cookie")
        come = request("GET", f"{url.path}?{url.query}", self.cookies, TEXT)
        arrived = self.served.ask(come)
        assert arrived.one("Location") == f"https://{UWV}/mijn", arrived
        [session] = [c for c in arrived.all("Set-Cookie") if "__Host-eilogin=" in c]
        cookie = f"Cookie: {session.partition(';')[0]}"
        seen = self.served.ask(request("GET", "/mijn", cookie))
        return seen.status == 200 and seen.json["REMOTE_USER"] == "anna"


def cookies_set_by(answer):
    pairs = [each.partition(";")[0] for each in answer.all("Set-Cookie")]
    return f"Cookie: {'; '.join(pairs)}"


@pytest.fixture
def hub(served, hub_of):
    """The hub's own word, for messages that the test sends."""
    return hub_of(served.trusts())


@pytest.fixture
def start(served, hub, asked):
    """Begin a login, and hold a good answer to it."""

    def begin():
        answer = served.ask(request("GET", "/mijn", TEXT))
        question, relay_state = asked(answer.one("Location"))
        good = hub.by_post("SAMLResponse", hub.answer(question), relay_state)
        return Started(served, cookies_set_by(answer), relay_state, tuple(good.items()))

    return begin


def test_a_good_answer_logs_in(start):
    started = start()
    assert started.is_taken(started.deliver())


#: What stands in the form in the place of the good pairs; ``{m}`` is the good message,
#: ``{r}`` the good RelayState, ``{e}`` a message of somebody else.
FORMS_REFUSED = {
    "twice": "SAMLResponse={m}&RelayState={r}&SAMLResponse={m}",
    "twice, another first": "SAMLResponse={e}&SAMLResponse={m}&RelayState={r}",
    "twice, another last": "SAMLResponse={m}&SAMLResponse={e}&RelayState={r}",
    "twice, once encoded": "SAMLResponse={m}&%53AMLResponse={e}&RelayState={r}",
    "twice, once in lower case": "SAMLResponse={m}&samlresponse={e}&RelayState={r}",
    "twice, once empty": "SAMLResponse=&SAMLResponse={m}&RelayState={r}",
    "twice, once without =": "SAMLResponse&SAMLResponse={m}&RelayState={r}",
    "an encoded name": "SAML%52esponse={m}&RelayState={r}",
    "a name encoded twice, beside": "SAML%2552esponse={m}",
    "a blank before": "+SAMLResponse={m}&RelayState={r}",
    "a blank behind": "SAMLResponse%20={m}&RelayState={r}",
    "NUL behind": "SAMLResponse%00={m}&RelayState={r}",
    "NUL behind, beside": "SAMLResponse={m}&SAMLResponse%00={e}&RelayState={r}",
    "as a list": "SAMLResponse[]={m}&RelayState={r}",
    "with a request": "SAMLResponse={m}&SAMLRequest={e}&RelayState={r}",
    "with an artifact": "SAMLResponse={m}&SAMLart=AAQAAA&RelayState={r}",
    "as a request": "SAMLRequest={m}&RelayState={r}",
    "RelayState twice": "SAMLResponse={m}&RelayState={r}&RelayState=%2F",
    "RelayState encoded": "SAMLResponse={m}&Relay%53tate={r}",
    "RelayState encoded, beside": "SAMLResponse={m}&RelayState={r}&Relay%53tate=%2F",
    "no RelayState": "SAMLResponse={m}",
    "a RelayState of 81 bytes": "SAMLResponse={m}&RelayState={r}" + "x" * 81,
    "a line in RelayState": "SAMLResponse={m}&RelayState={r}%0D%0ASet-Cookie:x",
    "parted by ;": "SAMLResponse={m};RelayState={r}",
    "parted by ;, another first": "SAMLResponse={e};SAMLResponse={m}&RelayState={r}",
    "another one in the value": "SAMLResponse={m}%26SAMLResponse%3D{e}&RelayState={r}",
    "junk behind": "SAMLResponse={m}%00&RelayState={r}",
    "junk before": "SAMLResponse=%20{m}&RelayState={r}",
    "junk inside": "SAMLResponse=%2D{m}&RelayState={r}",
    "a broken escape": "SAMLResponse={m}%&RelayState={r}",
    "an escape of UTF-16": "SAMLResponse=%u0041{m}&RelayState={r}",
    "too many": "SAMLResponse={m}&RelayState={r}" + "&a=b" * 60,
    "all of it in one name": "SAMLResponse%3D{m}%26RelayState%3D{r}",
    "nothing": "",
    "an empty message": "SAMLResponse=&RelayState={r}",
}


def test_no_form_with_odd_parameters_logs_in(start, hub, asked):
    started = start()
    other = start()
    for name, form in FORMS_REFUSED.items():
        body = form.format(
            m=started.message, r=started.relay_state, e=other.message
        ).encode()
        answer = started.deliver(body)
        assert code_of(answer, 400, 413), name
    assert started.is_taken(started.deliver()), "and the login is still under way"
    assert other.is_taken(other.deliver())


def test_parameters_of_the_site_do_no_harm(start):
    started = start()
    body = f"lang=nl&RelayState={started.relay_state}&x[]=1&SAMLResponse="
    answer = started.deliver(body.encode() + started.message.encode())
    assert started.is_taken(answer)
    started = start()
    assert started.is_taken(started.deliver(target="/eilogin/acs?lang=nl"))


@pytest.mark.parametrize(
    "query",
    [
        "SAMLResponse={m}",
        "SAMLResponse={m}&RelayState={r}",
        "SAMLRequest={m}",
        "SAMLart=AAQAAA",
        "RelayState={r}",
        "SAML%52esponse={m}",
        "samlresponse=",
    ],
)
def test_no_message_comes_by_address_and_form_at_once(start, query):
    started = start()
    query = query.format(m=started.message[:300], r=started.relay_state)
    answer = started.deliver(target=f"/eilogin/acs?{query}")
    assert code_of(answer) == "message-malformed"
    assert started.is_taken(started.deliver())


def test_no_message_by_post_stands_in_the_address(start):
    """Neither with GET nor with POST and nothing in its form."""
    started = start()
    query = started.body.decode()
    octets = request("GET", f"/eilogin/acs?{query}", started.cookies, DATA)
    code_of(started.served.ask(octets), 400, 414)
    code_of(started.deliver(b"", target=f"/eilogin/acs?{query}"), 400, 414)
    assert started.is_taken(started.deliver())


# --- what a form says to be ---------------------------------------------------------

BOUNDARY = "x7Gk"


def as_multipart(form):
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'
        for name, value in form
    ]
    return "\r\n".join([*parts, f"--{BOUNDARY}--", ""]).encode()


KINDS_REFUSED = (
    f"multipart/form-data; boundary={BOUNDARY}",
    "multipart/form-data",
    "text/plain",
    "text/plain; charset=application/x-www-form-urlencoded",
    "text/html",
    "application/json",
    "application/xml",
    "text/xml",
    "application/octet-stream",
    "application/x-www-form-urlencoded-x",
    "application/x-www-form-urlencoded, text/plain",
    "application/x-www-form-urlencoded application/json",
    "application",
    "*/*",
)


@pytest.mark.parametrize("kind", KINDS_REFUSED)
def test_rejects_response_with_a_content_type_other_than_form(start, kind):
    started = start()
    for body in (started.body, as_multipart(started.form)):
        answer = started.deliver(body, f"Content-Type: {kind}")
        assert code_of(answer) == "message-malformed"
    assert started.is_taken(started.deliver())


def test_two_content_types_are_none(start):
    started = start()
    answer = started.deliver(None, FORM, "Content-Type: text/plain")
    assert code_of(answer) in ("", "message-malformed")
    answer = started.deliver(None, "Content-Type: text/plain", FORM)
    assert code_of(answer) in ("", "message-malformed")
    assert started.is_taken(started.deliver())


@pytest.mark.parametrize(
    "charset", ["utf-16le", "utf-32be", "utf-7", "ibm037", "utf-8-sig", "x" * 400]
)
def test_no_charset_changes_how_a_form_is_read(start, charset):
    """Some readers would decode the whole form by it: a firewall sees another one."""
    started = start()
    line = f"Content-Type: application/x-www-form-urlencoded; charset={charset}"
    if len(charset) < 20:
        body = started.body.decode().encode(charset)
        if body != started.body:
            assert code_of(started.deliver(body, line))
    assert started.is_taken(started.deliver(None, line))


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded; charset=UTF-8",
        "APPLICATION/X-WWW-FORM-URLENCODED",
        " application/x-www-form-urlencoded ;x=y",
    ],
)
def test_a_form_may_say_so_in_other_words(start, kind):
    started = start()
    assert started.is_taken(started.deliver(None, f"Content-Type: {kind}"))


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/xml", ""])
@pytest.mark.parametrize(
    ("host", "path", "body"),
    [
        (UWV, "/eilogin/slo", b"SAMLRequest=YQ%3D%3D"),
        (UWV, "/eilogin/logout", b"next=%2F"),
        (HUB, "/sso", b"SAMLRequest=YQ%3D%3D"),
        (HUB, "/slo", b"SAMLRequest=YQ%3D%3D"),
        (HUB, "/login", b"username=anna&password=demo-anna"),
    ],
)
def test_no_other_address_takes_what_is_no_form(served, host, path, body, kind):
    lines = (f"Content-Type: {kind}", DATA, "Cookie: __Host-eilogin-sign-in=yes")
    answer = served.ask(request("POST", path, *lines, host=host, body=body), host)
    assert code_of(answer) == "message-malformed"


@pytest.mark.parametrize("kind", ["text/xml", "text/plain", "application/json", ""])
@pytest.mark.parametrize("path", SOAP)
def test_soap_endpoint_answers_invalid_body_with_a_client_fault(served, path, kind):
    host = UWV if path.startswith("/eilogin") else HUB
    for body in (b"", b"a=b", b"<a/>", b"{}", b"\xff\xfe<\0a\0"):
        lines = (f"Content-Type: {kind}", 'SOAPAction: ""')
        answer = served.ask(request("POST", path, *lines, host=host, body=body), host)
        assert answer.status == 500
        assert answer.one("Content-Type").startswith("text/xml")
        assert re.search(rb"<faultcode>[\w-]+:Client<", answer.body)
        assert b"Traceback" not in answer.body


# --- how long it says to be ---------------------------------------------------------


def raw_post(started, *lines, body):
    """A delivery of which nothing but these lines says how long it is."""
    head = ("POST /eilogin/acs HTTP/1.1", f"Host: {UWV}", FORM, DATA, *lines)
    return "\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1") + body


def answer_or_none(served, octets):
    """What comes of it when nothing more is sent, by whoever answers first."""
    address = ("127.0.0.1", served.ports[UWV])
    said = b""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(address, timeout=PATIENCE) as connection,
    ):
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        while octets := connection.recv(65536):
            said += octets
    return Answer(int(said.split()[1]) if said else 0, body=said)


@pytest.mark.parametrize(
    "lengths",
    [
        ("{n}", "{less}"),
        ("{less}", "{n}"),
        ("{n}, {less}",),
        ("-1",),
        ("+{n}",),
        ("0x10",),
        ("{n}.0",),
        ("{n} {n}",),
        ("{n}_0",),
        ("\xb2",),
        ("many",),
        ("9" * 40,),
        ("{more}",),
    ],
)
def test_no_game_with_the_length_makes_another_request_of_it(start, lengths):
    started = start()
    body = started.body
    numbers = {"n": len(body), "less": len(body) - 40, "more": len(body) + 40}
    lines = [f"Content-Length: {length.format(**numbers)}" for length in lengths]
    answer = answer_or_none(started.served, raw_post(started, *lines, body=body))
    # Nothing, where the server waits for what never comes.
    assert answer.status in (0, 400, 413), answer
    assert b"Set-Cookie" not in answer.body
    assert b"answer=" not in answer.body
    assert started.is_taken(started.deliver())


def test_a_body_that_says_no_length_is_none(start):
    started = start()
    answer = answer_or_none(started.served, raw_post(started, body=started.body))
    assert answer.status == 400
    assert b"answer=" not in answer.body
    assert started.is_taken(started.deliver())


def test_a_length_that_ends_early_leaves_no_request_behind(start):
    """What is behind the body is a request of nobody (request smuggling)."""
    started = start()
    served = started.served
    hidden = request("GET", "/static", "X-Hidden: yes")
    lines = (f"Content-Length: {len(started.body)}", "Transfer-Encoding: chunked")
    octets = raw_post(started, *lines, body=b"0\r\n\r\n" + hidden)
    answer = answer_or_none(served, octets)
    assert answer.status in (0, 400)
    assert b"HTTP_X_HIDDEN" not in answer.body


def in_chunks(body, size=1000):
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts]
    return b"".join([*chunks, b"0\r\n\r\n"])


def test_a_form_in_chunks_is_a_form(start):
    started = start()
    lines = ("Transfer-Encoding: chunked",)
    octets = raw_post(started, *lines, body=in_chunks(started.body))
    assert started.is_taken(started.served.ask(octets))


@pytest.mark.parametrize("host", [UWV, HUB])
def test_rejects_form_larger_than_the_limit(served, host):
    path = "/eilogin/acs" if host == UWV else "/sso"
    body = b"SAMLResponse=" + b"A" * bindings.LONGEST_FORM
    answer = served.ask(request("POST", path, FORM, DATA, host=host, body=body), host)
    assert code_of(answer, 413) == "message-too-large"
    lines = (FORM, DATA, "Transfer-Encoding: chunked")
    octets = request("POST", path, *lines, host=host, body=in_chunks(body, 60_000))
    octets = re.sub(rb"Content-Length: \d+\r\n", b"", octets)
    assert code_of(served.ask(octets, host), 413) == "message-too-large"


@pytest.mark.parametrize("path", SOAP)
def test_soap_that_is_larger_than_the_cap_gets_a_fault(served, path):
    host = UWV if path.startswith("/eilogin") else HUB
    body = b"<a>" + b"A" * bindings.LONGEST_FORM + b"</a>"
    octets = request("POST", path, "Content-Type: text/xml", host=host, body=body)
    answer = served.ask(octets, host)
    assert answer.status == 500
    assert b":Client<" in answer.body


@pytest.mark.parametrize("served", ["gunicorn"], indirect=True)
def test_rejects_too_large_form_before_reading_its_body(served):
    """By a server that hands a body on as it comes; waitress waits for all of it."""
    for more in ((), ("Expect: 100-continue",)):
        lines = (FORM, DATA, "Content-Length: 1000000000", *more)
        octets = request("POST", "/eilogin/acs", *lines)
        assert code_of(served.ask(octets), 413) == "message-too-large"


def test_accepts_response_after_expect_100_continue(start):
    """``Expect: 100-continue``: the head, a word of the server, and the body."""
    started = start()
    port, body = started.served.ports[UWV], started.body
    lines = (f"Content-Length: {len(body)}", "Expect: 100-continue")
    assert started.is_taken(ask(port, raw_post(started, *lines, body=body)))


@pytest.mark.parametrize("expect", ["200-ok", "100-continue, x", "\xff", ""])
def test_no_other_expectation_does_harm(start, expect):
    started = start()
    lines = (f"Content-Length: {len(started.body)}", f"Expect: {expect}")
    octets = raw_post(started, *lines, body=started.body)
    answer = ask(started.served.ports[UWV], octets)
    assert answer.status in (303, 400, 417), answer


# --- questions and logouts by Redirect ----------------------------------------------


@pytest.fixture
def question(served):
    """A good question to the hub, as the query of an address."""

    def ask_anew():
        answer = served.ask(request("GET", "/mijn", TEXT))
        return urlsplit(answer.one("Location")).query

    return ask_anew


def at_hub(served, query, how=DATA, path="/sso"):
    return served.ask(request("GET", f"{path}?{query}", how, host=HUB), HUB)


def test_a_good_question_gets_the_sign_in_page(served, question):
    answer = at_hub(served, question(), TEXT)
    assert answer.status == 303
    url = urlsplit(answer.one("Location"))
    [cookie] = answer.all("Set-Cookie")
    cookie_line = f"Cookie: {cookie.partition(';')[0]}"
    octets = request("GET", f"{url.path}?{url.query}", TEXT, cookie_line, host=HUB)
    assert 'name="password"' in served.ask(octets, HUB).text
    assert at_hub(served, f"lang=nl&{question()}&x=1").status == 303


def odd_queries(good, other):
    """Queries that some reader takes for ``good``, and one for ``other``."""
    parts = dict(part.split("=", 1) for part in good.split("&"))
    evil = dict(part.split("=", 1) for part in other.split("&"))["SAMLRequest"]
    yield f"{good}&SAMLRequest={evil}"
    yield f"SAMLRequest={evil}&{good}"
    yield f"{good}&SAML%52equest={evil}"
    yield f"{good}&samlrequest={evil}"
    yield f"{good}&SAMLRequest%00={evil}"
    yield f"{good}&+SAMLRequest={evil}"
    yield f"{good};SAMLRequest={evil}"
    yield f"{good}&SAMLResponse={evil}"
    yield f"{good}&RelayState=x"
    yield f"{good}&Relay%53tate=x"
    yield f"{good}&SigAlg={parts['SigAlg']}"
    yield f"{good}&Signature={parts['Signature']}"
    yield f"{good}&SAMLEncoding=x"
    yield good.replace("SAMLRequest=", "SAML%52equest=")
    yield good.replace("RelayState=", "relaystate=")
    yield good.replace(parts["RelayState"], parts["RelayState"] + "%00")
    yield good.replace("SAMLRequest=", "SAMLRequest=%0A")
    yield good.replace(parts["SAMLRequest"], evil)
    yield good.replace(parts["RelayState"], "x")
    yield good.replace("rsa-sha256", "rsa-sha1")
    yield good.replace(f"&Signature={parts['Signature']}", "")
    yield good.replace("&", ";")
    yield good.replace("&", "%26")
    yield good + "&a=b" * 60
    yield good + "&a=" + "b" * 20_000


def test_no_query_with_odd_parameters_is_a_question(served, question):
    good, other = question(), question()
    for query in odd_queries(good, other):
        answer = at_hub(served, query)
        # Too long for some servers is what is too long for us.
        code_of(answer, 400, 403, 413, 414, 431)
        assert b"password" not in answer.body
    assert at_hub(served, good).status == 303


@pytest.mark.parametrize("odd", [b"\xff", b"\xc3\xa9", b"\xe2\x80\xa8", b"\xa0"])
def test_no_raw_byte_beyond_ascii_stands_in_a_query(served, question, odd):
    for target in (b"/sso?%s&lang=" + odd, b"/sso?" + odd + b"=x&%s"):
        octets = request("GET", target % question().encode(), DATA, host=HUB)
        assert code_of(served.ask(octets, HUB)) in ("", "message-malformed")


@pytest.mark.parametrize("odd", [b"\0", b"\x7f", b"\x0b", b"\x1c", b"\x1b"])
def test_no_raw_control_character_stands_in_a_message(served, question, odd):
    message = b"SAMLRequest="
    for written in (message + odd, odd + message, message[:-1] + odd + b"="):
        target = b"/sso?" + question().encode().replace(message, written)
        answer = served.ask(request("GET", target, DATA, host=HUB), HUB)
        assert code_of(answer) in ("", "message-malformed")


@pytest.fixture
def signed_in(served):
    """A browser of a citizen, and who she is at UWV."""
    browser = served.signed_in()
    pair = f"__Host-eilogin={browser.cookie(UWV, '__Host-eilogin')}"
    cookie = f"Cookie: {pair}"
    name = served.ask(request("GET", "/mijn", cookie)).json["REMOTE_USER"]
    return cookie, name


def test_no_query_with_odd_parameters_logs_out(served, hub, signed_in):
    cookie, name = signed_in
    subject = NameID(
        name,
        PERSISTENT,
        name_qualifier=hub.entity_id,
        sp_name_qualifier=f"https://{UWV}/eilogin/metadata",
    )
    slo = f"https://{UWV}/eilogin/slo"

    def query(name_id):
        element = hub.logout_request(name_id, slo)
        url = hub.by_redirect(slo, "SAMLRequest", element, "handle")
        return urlsplit(url).query

    def come(text):
        return served.ask(request("GET", f"/eilogin/slo?{text}", DATA, cookie))

    # The attacker may have a good one for a name of his own.
    for text in odd_queries(query(replace(subject, value="sem")), query(subject)):
        answer = come(text)
        code_of(answer, 400, 403, 413, 414, 431)
        assert served.ask(request("GET", "/mijn", cookie)).status == 200
    answer = come(query(subject))
    assert answer.status == 302
    assert answer.one("Location").startswith(f"https://{HUB}/slo?SAMLResponse=")
    assert served.ask(request("GET", "/mijn", cookie)).status == 302
