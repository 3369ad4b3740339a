"""The back channel against peers that behave, and peers that do not."""

import contextlib
import errno
import os
import re
import socket
import ssl
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from raw_peer import OK, Peer
from tls_servers import certificate

from eilogin.errors import ConfigurationError, PeerUnavailable
from eilogin.http_client import BackChannel, Reachability, back_channel, connections

FINE = OK + b"Content-Length: 7\r\n\r\n<fine/>"


@pytest.fixture
def peer():
    peers = []

    def start(behave, **kwargs):
        if isinstance(behave, bytes):
            answer = behave
            behave = lambda peer, connection: connection.sendall(answer)  # noqa: E731
        peers.append(Peer(behave, **kwargs))
        return peers[-1]

    yield start
    for one in peers:
        one.close()


@pytest.fixture
def channel():
    channels = []

    def make(**kwargs):
        channels.append(BackChannel(**{"timeout": 2.0, **kwargs}))
        return channels[-1]

    yield make
    for one in channels:
        one.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    authority = certificate(folder, "authority")
    certificate(folder, "server", authority, hosts=("localhost", "uwv.localhost"))
    certificate(folder, "client", authority)
    certificate(folder, "stranger")
    return folder


@pytest.fixture
def tls(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    return context


class TestAnAnswerInTime:
    def test_is_returned_as_bytes(self, peer, channel):
        assert channel().post(peer(FINE).url(), b"<ask/>") == b"<fine/>"

    def test_came_upon_a_soap_1_1_post(self, peer, channel):
        server = peer(FINE)
        channel().post(server.url(path="/slo/soap?x=1"), b"<ask/>")
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        assert lines[0] == "post /slo/soap?x=1 http/1.1"
        assert "content-type: text/xml; charset=utf-8" in lines
        assert any(line.startswith('soapaction: "http') for line in lines)
        assert "accept-encoding: identity" in lines
        assert body == b"<ask/>"

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(OK + b"Connection: close\r\n\r\n<fine/>", id="until closed"),
            pytest.param(
                OK + b"Transfer-Encoding: chunked\r\n\r\n7\r\n<fine/>\r\n0\r\n\r\n",
                id="chunked",
            ),
            pytest.param(b"HTTP/1.0 200 Fine\r\n\r\n<fine/>", id="HTTP/1.0"),
            pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + FINE, id="continue"),
        ],
    )
    def test_may_come_in_any_framing(self, peer, channel, answer):
        def behave(peer, connection):
            connection.sendall(answer)
            if b"Content-Length" not in answer and b"chunked" not in answer:
                connection.shutdown(socket.SHUT_WR)

        assert channel().post(peer(behave).url(), b"") == b"<fine/>"

    def test_may_be_as_large_as_the_limit(self, peer, channel, monkeypatch):
        monkeypatch.setattr(back_channel, "_LONGEST_ANSWER", 200_000)
        body = b"x" * 200_000
        answer = OK + b"Content-Length: 200000\r\n\r\n" + body
        assert channel().post(peer(answer).url(), b"") == body

    def test_leaves_its_connection_to_the_next(self, peer, channel):
        server, back = peer(FINE), channel()
        for _ in range(3):
            back.post(server.url(), b"")
        assert server.connections == 1

    def test_leaves_one_of_each_thread_that_asked_at_once(self, peer, channel, caplog):
        threads = 32
        everyone = threading.Barrier(threads)

        def behave(peer, connection):
            everyone.wait(60)
            connection.sendall(FINE)

        server, back = peer(behave), channel(timeout=60.0)
        for _ in range(2):
            with ThreadPoolExecutor(threads) as pool:
                answers = [
                    pool.submit(back.post, server.url(), b"") for _ in range(threads)
                ]
                assert {answer.result() for answer in answers} == {b"<fine/>"}
        assert server.connections == threads
        assert caplog.text == ""

    def test_leaves_the_next_its_whole_time(self, peer, channel):
        def behave(peer, connection):
            # The second answer takes longer than the first one may.
            time.sleep(2.5 * (len(peer.requests) - 1))
            connection.sendall(FINE)

        server, back = peer(behave), channel()
        back.post(server.url(), b"", timeout=2.0)
        assert back.post(server.url(), b"", timeout=60.0) == b"<fine/>"
        assert server.connections == 1

    def test_of_a_name_under_localhost_needs_no_resolver(
        self, peer, channel, monkeypatch
    ):
        def refuse(*args, **kwargs):
            raise AssertionError(args)

        server = peer(FINE)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        url = server.url("inloggen.localhost")
        assert channel().post(url, b"") == b"<fine/>"
        assert b"\r\nhost: inloggen.localhost" in server.requests[0].lower()

    def test_of_a_name_under_localhost_may_come_over_ipv6(self, peer, channel):
        try:
            server = peer(FINE, family=socket.AF_INET6)
        except OSError:
            pytest.skip("this machine has no IPv6")
        assert channel().post(server.url("uwv.localhost"), b"") == b"<fine/>"


class TestAPeerThatMisbehaves:
    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            pytest.param(
                b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
                "status 302",
                id="a redirect",
            ),
            pytest.param(
                b"HTTP/1.1 500 Oops\r\nContent-Length: 15\r\n\r\n<soap:Fault/>\r\n",
                "status 500",
                id="a SOAP fault",
            ),
            pytest.param(
                b"HTTP/1.1 204 No Content\r\n\r\n", "status 204", id="no content"
            ),
            pytest.param(
                OK + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001,
                "more than 1000 bytes",
                id="too many bytes",
            ),
            pytest.param(
                OK + b"Transfer-Encoding: chunked\r\n\r\n4000\r\n" + b"x" * 0x4000,
                "more than 1000 bytes",
                id="too many bytes in a chunk",
            ),
            pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "not answer", id="not HTTP"),
        ],
    )
    def test_is_unavailable(self, peer, channel, answer, says, monkeypatch):
        monkeypatch.setattr(back_channel, "_LONGEST_ANSWER", 1000)
        server = peer(answer)
        with pytest.raises(PeerUnavailable, match=says) as caught:
            channel().post(server.url(), b"<ask/>")
        assert server.url() in str(caught.value)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("answer", "has_answered"),
        [
            (b"HTTP/1.1 500 Oops\r\nContent-Length: 13\r\n\r\n<soap:Fault/>", True),
            (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", False),
            (b"HTTP/1.1 503 Oops\r\nContent-Length: 8\r\n\r\n<Faulty>", False),
            (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", False),
            (OK + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001, True),
            (OK + b"Content-Length: 1000\r\n\r\n" + b"x" * 10, False),
            (b"SSH-2.0-OpenSSH_9.2\r\n", False),
            (b"", False),
        ],
        ids=[
            "fault",
            "status",
            "page",
            "redirect",
            "too long",
            "cut off",
            "not HTTP",
            "nothing",
        ],
    )
    def test_has_had_the_question_where_it_answers(
        self, peer, channel, monkeypatch, answer, has_answered
    ):
        """What can be asked once is used up then."""
        monkeypatch.setattr(back_channel, "_LONGEST_ANSWER", 1000)

        def behave(peer, connection):
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_RDWR)

        with pytest.raises(PeerUnavailable) as caught:
            channel().post(peer(behave).url(), b"")
        assert caught.value.has_answered == has_answered

    def test_that_is_not_there_has_had_no_question(self, channel):
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(f"http://localhost:{unused_port()}/", b"")
        assert not caught.value.has_answered

    @pytest.mark.parametrize(
        ("code", "fault"),
        [
            ("soap-env:Client", "Client"),
            ("Client", "Client"),
            ("S:Client.Authentication", "Client"),
            ("\n soap:Server ", "Server"),
            ("soap:Clients", ""),
            ("soap:Sender", ""),
            ("x" * 100 + ":Client", ""),
            ("", ""),
        ],
    )
    def test_says_in_a_soap_fault_who_is_at_fault(self, peer, channel, code, fault):
        body = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
            f"<e:Fault><faultcode>{code}</faultcode><faultstring>x</faultstring>"
            "</e:Fault></e:Body></e:Envelope>"
        ).encode()
        head = f"HTTP/1.1 500 Oops\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with pytest.raises(PeerUnavailable, match="it says 'x'") as caught:
            channel().post(peer(head + body).url(), b"")
        assert caught.value.fault == fault

    def test_is_unavailable_where_it_closes_halfway(self, peer, channel):
        def behave(peer, connection):
            connection.sendall(OK + b"Content-Length: 7\r\n\r\n<fi")
            connection.shutdown(socket.SHUT_RDWR)

        with pytest.raises(PeerUnavailable):
            channel().post(peer(behave).url(), b"")

    def test_does_not_follow_a_dropped_answer_into_the_next(self, peer, channel):
        answers = [
            b"HTTP/1.1 500 Oops\r\nContent-Length: 15\r\n\r\n<soap:Fault/>\r\n",
            FINE,
        ]
        server = peer(lambda peer, connection: connection.sendall(answers.pop(0)))
        back = channel()
        with pytest.raises(PeerUnavailable):
            back.post(server.url(), b"")
        assert back.post(server.url(), b"") == b"<fine/>"

    def drip_the_head(self, connection):
        for number in range(1000):
            connection.sendall(b"X" if number else OK)
            yield

    def drip_the_body(self, connection):
        connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"x")
            yield

    def say_nothing(self, connection):
        while True:
            yield

    @pytest.mark.parametrize(
        "way",
        [
            (how, over)
            for how in ("drip_the_head", "drip_the_body", "say_nothing")
            for over in ("plain", "tls")
        ],
        ids=" over ".join,
    )
    def test_holds_nobody_longer_than_the_limit(
        self, peer, channel, certificates, tls, way
    ):
        how, over = way

        def behave(peer, connection):
            for _ in getattr(self, how)(connection):
                if peer.stop.wait(0.05):
                    return

        server = peer(behave, tls=tls if over == "tls" else None)
        back = channel(ca_file=certificates / "authority.crt", timeout=0.5)
        start = time.monotonic()
        with pytest.raises(PeerUnavailable, match=r"within 0\.5 s"):
            back.post(server.url(), b"")
        assert time.monotonic() - start < 30

    def test_gets_no_byte_more_once_its_time_is_over(self):
        left, right = socket.socketpair()
        with left, right, left.makefile("rb", buffering=0) as raw:
            right.sendall(b"x")
            with pytest.raises(TimeoutError):
                # By itself: from outside it is a race of microseconds.
                connections._Deadline(left, raw, 0.0).readinto(bytearray(1))  # noqa: SLF001

    def test_gets_the_time_that_one_call_names(self, peer, channel):
        server = peer(lambda peer, connection: peer.stop.wait(120))
        start = time.monotonic()
        with pytest.raises(PeerUnavailable, match=r"within 0\.2 s"):
            channel(timeout=60).post(server.url(), b"", timeout=0.2)
        assert time.monotonic() - start < 30

    def test_is_unavailable_where_it_accepts_nothing(self, channel):
        with full_listener() as port:
            start = time.monotonic()
            with pytest.raises(PeerUnavailable, match="within"):
                channel(timeout=0.3).post(f"http://127.0.0.1:{port}/", b"")
            assert time.monotonic() - start < 30


def refusing(body, *headers, status=b"500 Oops"):
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 " + status, length, *headers, b"", body])


def saying(words):
    return (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
        "<soap:Body><soap:Fault><faultcode>soap:Client</faultcode>"
        f"<faultstring>{words}</faultstring></soap:Fault></soap:Body></soap:Envelope>"
    ).encode()


class TestASoapFault:
    """What a peer says when it refuses, which joins its log to ours."""

    def told(self, peer, channel, answer):
        server = peer(answer)
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(server.url(), b"")
        return str(caught.value).removeprefix(server.url())

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            pytest.param("refused, see 2G3-EZP", "'refused, see 2G3-EZP'", id="ours"),
            pytest.param("a &lt;b&gt; &amp; c", "'a <b> & c'", id="written as XML"),
            pytest.param("één\u2028twee", "'één twee'", id="two lines"),
            pytest.param("a\r\n b&#27;&#10;c", "'a b c'", id="control characters"),
            pytest.param("x" * 300, f"'{'x' * 200}'", id="cut"),
        ],
    )
    def test_is_told_in_one_line(self, peer, channel, words, told):
        said = self.told(peer, channel, refusing(saying(words)))
        assert said == f" answered with status 500; it says {told}"

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ("AAQAAMh48/1oXIM+ is unknown", "… is unknown"),
            ("no aaqaamh48/1OXIM+", "no …"),
            ("cut: AAQAAMh48", "cut: …"),
            ("the index is 1764150000", "the index is 1764150000"),
            ("900000016 is not known in s00000000", "… is not known in s00000000"),
            ("not 900 000 016, not 9000.00.028", "not …, not …"),
            ("not 900-000-016", "not …"),
        ],
    )
    def test_repeats_no_artifact_and_no_number(self, peer, channel, words, told):
        question = b"<e><samlp:Artifact>AAQAAMh48/1oXIM+</samlp:Artifact></e>"
        server = peer(refusing(saying(words)))
        with pytest.raises(PeerUnavailable, match="it says") as caught:
            channel().post(server.url(), question)
        assert str(caught.value).endswith(f" it says '{told}'")

    @pytest.mark.parametrize("name", ["NameID", "saml:NameID", "saml:EncryptedID"])
    @pytest.mark.parametrize(
        "words",
        ["no session of anna@x.nl", "who is YW5uYUB4Lm5s", "anna%40x.nl", "an..."],
    )
    def test_is_not_repeated_where_the_question_is_about_somebody(
        self, peer, channel, name, words
    ):
        """It may name her in whatever spelling; encrypted, we cannot even compare."""
        question = f'<e><{name} Format="x">anna@x.nl</{name}></e>'.encode()
        server = peer(refusing(saying(words)))
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(server.url(), question)
        told = str(caught.value).removeprefix(server.url())
        assert words not in told
        assert told == (
            " answered with status 500; eilogin does not repeat its message, which"
            " may name a person: see the log of the peer"
        )
        assert caught.value.fault == "Client"

    def test_of_one_of_ours_has_a_number_for_its_log_all_the_same(self, peer, channel):
        server = peer(refusing(saying("refused, see 2G3-EZP")))
        with pytest.raises(PeerUnavailable, match="it says 'refused, see 2G3-EZP'"):
            channel().post(server.url(), b"<saml:NameID>anna@x.nl</saml:NameID>")

    def test_is_told_of_a_prefix_and_a_language(self, peer, channel):
        body = b'<s:Fault><s:faultstring xml:lang="nl">nee</s:faultstring></s:Fault>'
        told = self.told(peer, channel, refusing(body, status=b"403 No"))
        assert told == " answered with status 403; it says 'nee'"

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"<html><h1>Oops</h1></html>", id="a page"),
            pytest.param(b"\xff\xfe\x00", id="no text"),
            pytest.param(saying(" &#13; "), id="no words"),
            pytest.param(b" " * 4096 + saying("too far"), id="beyond what is read"),
        ],
    )
    def test_of_no_use_leaves_the_status(self, peer, channel, body):
        assert self.told(peer, channel, refusing(body)) == " answered with status 500"

    def test_that_does_not_come_leaves_the_status(self, peer, channel):
        # Neither one that stops halfway, nor one that is waited for in vain.
        answer = refusing(saying("refused")) + b" "
        halfway = answer.replace(b"Length: ", b"Length: 9")

        def behave(peer, connection):
            connection.sendall(halfway)
            connection.shutdown(socket.SHUT_RDWR)

        told = " answered with status 500"
        assert self.told(peer, channel, behave) == told
        with pytest.raises(PeerUnavailable, match=f"{told}$"):
            channel().post(peer(halfway).url(), b"", timeout=0.2)

    def test_is_not_read_of_who_sends_us_elsewhere(self, peer, channel):
        answer = refusing(saying("refused"), status=b"302 Found")
        assert self.told(peer, channel, answer) == " answered with status 302"


class TestTwoClocks:
    """Ours says 2026-03-29T01:00:00Z."""

    @pytest.fixture(autouse=True)
    def ours(self):
        with time_machine.travel("2026-03-29T01:00:00Z", tick=False):
            yield

    @pytest.mark.parametrize(
        ("date", "theirs"),
        [
            (b"Sun, 29 Mar 2026 00:50:00 GMT", "2026-03-29T00:50:00Z"),
            (b"Sun, 29 Mar 2026 01:01:01 GMT", "2026-03-29T01:01:01Z"),
            (b"Sun, 29 Mar 2026 04:00:00 -0000", "2026-03-29T04:00:00Z"),
        ],
    )
    def test_that_differ_are_told(self, peer, channel, caplog, date, theirs):
        dated = b"Date: " + date
        told = f"its clock says {theirs}, and ours says 2026-03-29T01:00:00Z"
        server = peer(refusing(saying("refused, see 2G3-EZP"), dated))
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(server.url(), b"")
        assert str(caught.value).endswith(
            f"500; it says 'refused, see 2G3-EZP'; {told}"
        )
        assert caplog.text == ""
        server = peer(refusing(b"<fine/>", dated, status=b"200 OK"))
        assert channel().post(server.url(), b"") == b"<fine/>"
        (record,) = caplog.records
        assert (record.levelname, record.getMessage()) == (
            "WARNING",
            f"{server.url()} answers, but {told}",
        )

    @pytest.mark.parametrize(
        "date",
        [
            pytest.param(b"Sun, 29 Mar 2026 01:01:00 GMT", id="a minute ahead"),
            pytest.param(b"Sun, 29 Mar 2026 00:59:00 GMT", id="a minute behind"),
            pytest.param(b"yesterday", id="no date"),
            pytest.param(b"Sun, 29 Mar 2026 00:00:00 +" + b"9" * 20, id="no zone"),
            pytest.param(b"Fri, 31 Dec 9999 23:59:59 -2300", id="after all time"),
            pytest.param(b"", id="nothing"),
        ],
    )
    def test_that_need_not_differ_are_not(self, peer, channel, caplog, date):
        server = peer(refusing(b"", b"Date: " + date))
        with pytest.raises(PeerUnavailable, match=r"status 500$"):
            channel().post(server.url(), b"")
        server = peer(refusing(b"<fine/>", b"Date: " + date, status=b"200 OK"))
        assert channel().post(server.url(), b"") == b"<fine/>"
        assert caplog.text == ""


@contextlib.contextmanager
def full_listener():
    """A port whose queue is full, so that connecting takes forever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
            yield port


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TestAPeerThatIsNotThere:
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_is_unavailable_where_nothing_listens(self, channel, scheme):
        url = f"{scheme}://uwv.localhost:{unused_port()}/"
        told = f"{url} refuses connections: [Errno {errno.ECONNREFUSED}] Connection ref"
        with pytest.raises(PeerUnavailable, match=re.escape(told)):
            channel().post(url, b"")

    @pytest.mark.parametrize(
        "url",
        [
            pytest.param("http://uwv.invalid/", id="unknown name"),
            pytest.param(f"http://{'a' * 64}.invalid/", id="impossible name"),
            pytest.param("ftp://localhost/", id="another scheme"),
            pytest.param("localhost", id="no scheme"),
            pytest.param("http://[::1", id="broken"),
        ],
    )
    def test_is_unavailable_where_its_address_is_wrong(self, channel, url, monkeypatch):
        def unknown(*args, **kwargs):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(url, b"")
        assert "Connection(" not in str(caught.value)
        assert channel().look(url) in {Reachability.CUT_OFF, Reachability.SILENT}

    def test_is_unavailable_where_no_address_belongs_to_its_name(
        self, channel, monkeypatch
    ):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [])
        with pytest.raises(PeerUnavailable, match="no address"):
            channel().post("http://uwv.example/", b"")

    def test_is_not_named_with_what_may_be_secret(self, channel):
        url = f"http://user:secret@localhost:{unused_port()}/soap?token=secret"
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(url, b"")
        assert "secret" not in str(caught.value)

    def test_is_looked_for_at_its_second_address_too(self, peer, channel, monkeypatch):
        server = peer(FINE)
        no_family = 12345  # as ::1 is where a kernel has no IPv6
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, port, **k: [
                (no_family, 1, 6, "", ("::1", port)),
                (socket.AF_INET, 1, 6, "", ("127.0.0.1", port)),
            ],
        )
        assert channel().post(server.url("uwv.example"), b"") == b"<fine/>"


class TestTLS:
    def test_is_by_who_vouches_for_the_peer(self, peer, channel, certificates, tls):
        server = peer(FINE, tls=tls)
        back = channel(ca_file=certificates / "authority.crt")
        assert back.post(server.url("uwv.localhost"), b"") == b"<fine/>"

    @pytest.mark.parametrize(
        "trusting",
        [
            pytest.param(
                (
                    "stranger.crt",
                    "uwv.localhost",
                    "no authority in back_channel_ca (…/stranger.crt) has signed: ",
                ),
                id="unknown authority",
            ),
            pytest.param(
                (
                    "authority.crt",
                    "digid.localhost",
                    "is not valid for it: Hostname mismatch",
                ),
                id="another's name",
            ),
            pytest.param(
                (
                    None,
                    "uwv.localhost",
                    "no authority in back_channel_ca, the system's authorities has ",
                ),
                id="not the system's",
            ),
        ],
    )
    def test_refuses_a_peer_that_cannot_be_it(
        self, peer, channel, certificates, tls, trusting
    ):
        ca, host, says = trusting
        server = peer(FINE, tls=tls)
        back = channel(ca_file=certificates / ca if ca else None)
        with pytest.raises(PeerUnavailable) as caught:
            back.post(server.url(host), b"")
        assert f"{server.url(host)} has a certificate that {says}" in (
            str(caught.value).replace(str(certificates), "…")
        )
        assert "; ask its administrator " in str(caught.value)
        assert server.requests == []

    def test_shows_our_certificate_where_we_have_one(
        self, peer, channel, certificates, tls
    ):
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(certificates / "authority.crt")
        server = peer(FINE, tls=tls)
        ca = certificates / "authority.crt"
        pair = (certificates / "client.crt", certificates / "client.key")
        back = channel(ca_file=ca, client_certificate=pair)
        assert back.post(server.url(), b"") == b"<fine/>"

    @pytest.fixture(params=["TLSv1_2", "TLSv1_3"])
    def asking(self, peer, certificates, tls, request):
        """The address of a peer that wants to see a certificate of its authority."""
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(certificates / "authority.crt")
        tls.maximum_version = ssl.TLSVersion[request.param]
        return peer(FINE, tls=tls).url()

    def test_says_that_a_peer_wants_to_see_a_certificate(
        self, channel, certificates, asking
    ):
        back = channel(ca_file=certificates / "authority.crt")
        told = "certificate: set tls_client_certificate; ask its administrator which"
        with pytest.raises(PeerUnavailable, match=told):
            back.post(asking, b"")

    def test_says_that_a_peer_wants_to_see_another_certificate(
        self, channel, certificates, asking
    ):
        pair = (certificates / "stranger.crt", certificates / "stranger.key")
        back = channel(ca_file=certificates / "authority.crt", client_certificate=pair)
        told = r"rejects our tls_client_certificate \(.*/stranger\.crt\); ask its admin"
        with pytest.raises(PeerUnavailable, match=told):
            back.post(asking, b"")

    def test_says_that_a_peer_speaks_none(self, peer, channel, certificates):
        plain = b"HTTP/1.0 400 Bad Request\r\n\r\n"

        def behave(connection):
            with connection:
                connection.recv(65_536)
                connection.sendall(plain)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/soap"
            thread = threading.Thread(
                target=lambda: behave(listener.accept()[0]), daemon=True
            )
            thread.start()
            back = channel(ca_file=certificates / "authority.crt")
            with pytest.raises(PeerUnavailable) as caught:
                back.post(url, b"")
            thread.join(5)
        told = (
            rf"{url} answers, but not with TLS \([A-Z_]+\): does it have a certificate"
        )
        assert re.match(told, str(caught.value))

    def test_says_what_a_peer_may_want_that_hangs_up_without_a_word(
        self, peer, channel, certificates, tls
    ):
        def hang_up(peer, connection):
            now = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            connection.close()

        back = channel(ca_file=certificates / "authority.crt")
        with pytest.raises(PeerUnavailable) as caught:
            back.post(peer(hang_up, tls=tls).url(), b"")
        assert "closed the connection without an answer" in str(caught.value)
        assert "Perhaps it asks for a client certificate" in str(caught.value)
        with pytest.raises(PeerUnavailable) as caught:
            back.post(peer(hang_up).url(), b"")
        assert "closed the connection without an answer" in str(caught.value)
        assert "certificate" not in str(caught.value)

    def test_needs_files_that_are_what_they_should_be(self, certificates, tmp_path):
        not_pem = tmp_path / "not.pem"
        not_pem.write_text("no certificate")
        with pytest.raises(ConfigurationError, match=r"not\.pem"):
            BackChannel(ca_file=not_pem)
        with pytest.raises(ConfigurationError, match=r"missing\.pem"):
            BackChannel(ca_file=tmp_path / "missing.pem")
        with pytest.raises(ConfigurationError, match=r"server\.key"):
            BackChannel(
                client_certificate=(
                    certificates / "client.crt",
                    certificates / "server.key",
                )
            )

    def test_needs_a_key_without_a_pass_phrase(self, certificates, tmp_path):
        key = serialization.load_pem_private_key(
            (certificates / "client.key").read_bytes(), None
        )
        locked = tmp_path / "locked.key"
        locked.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        with pytest.raises(ConfigurationError, match="pass phrase"):
            BackChannel(client_certificate=(certificates / "client.crt", locked))


class TestAProxy:
    def test_carries_what_goes_outward_and_nothing_else(self, peer, channel):
        refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        proxy, near = peer(refusal), peer(FINE)
        back = channel(proxy=proxy.url(path=""))
        with pytest.raises(PeerUnavailable, match="403"):
            back.post("https://uwv.example/soap", b"<ask/>")
        assert proxy.requests[0].startswith(b"CONNECT uwv.example:443 ")
        assert b"<ask/>" not in proxy.requests[0]
        assert back.post(near.url("uwv.localhost"), b"") == b"<fine/>"
        assert len(proxy.requests) == 1

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_that_is_not_there_is_named(self, channel, scheme):
        proxy = f"http://localhost:{unused_port()}"
        back = channel(proxy=proxy)
        with pytest.raises(PeerUnavailable) as caught:
            back.post(f"{scheme}://uwv.example/soap", b"<ask/>")
        told = (
            f"/soap is behind back_channel_proxy ({proxy}), which refuses connections"
        )
        assert told in str(caught.value)
        assert "Connection(" not in str(caught.value)

    def test_that_accepts_nothing_is_named(self, channel):
        with full_listener() as port:
            back = channel(proxy=f"http://127.0.0.1:{port}", timeout=0.3)
            with pytest.raises(PeerUnavailable) as caught:
                back.post("https://uwv.example/soap", b"")
        assert f":{port}), which does not answer: timed out" in str(caught.value)

    def test_whose_certificate_is_not_vouched_for_is_named(self, peer, channel, tls):
        proxy = peer(FINE, tls=tls).url(path="")
        with pytest.raises(PeerUnavailable) as caught:
            channel(proxy=proxy).post("https://uwv.example/soap", b"")
        told = f"({proxy}), which has a certificate that no authority in back_c"
        assert told in str(caught.value)

    @pytest.mark.parametrize(
        "url", ["proxy:3128", "proxy", "socks5://proxy", "http://"]
    )
    def test_has_an_address(self, url):
        with pytest.raises(ConfigurationError, match="expected an address") as caught:
            BackChannel(proxy=url)
        assert f"back_channel_proxy: found '{url}'" in str(caught.value)

    def test_that_asks_for_a_user_is_refused_and_her_password_not_shown(self):
        with pytest.raises(ConfigurationError, match="without a password") as caught:
            BackChannel(proxy="http://me:geheim@proxy:3128")
        assert "geheim" not in str(caught.value)


class TestAProcess:
    def test_opens_connections_of_its_own_after_a_fork(
        self, peer, channel, monkeypatch
    ):
        server, back = peer(FINE), channel()
        back.post(server.url(), b"")
        parent = back._pools  # noqa: SLF001 - a parent lives on, and closes its own
        monkeypatch.setattr(os, "getpid", lambda: -1)
        back.post(server.url(), b"")
        assert server.connections == 2
        for manager in parent[1:]:
            manager.clear()

    def test_can_close_and_go_on(self, peer, channel):
        server, back = peer(FINE), channel()
        back.close()
        back.post(server.url(), b"")
        back.close()
        back.post(server.url(), b"")
        assert server.connections == 2


def test_the_repr_tells_no_files():
    assert repr(BackChannel(timeout=1.5)) == "<BackChannel 1.5s>"


def gateway(status, body=b""):
    """What a gateway says for a peer that is not there."""
    head = f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class TestAQuickLook:
    """Asks, and does not only knock; what is not certain is nobody's absence."""

    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_hears_of_a_gateway_that_nobody_is_there(self, peer, channel, status):
        server = peer(gateway(status))
        assert channel().look(server.url(path="/slo")) is Reachability.AWAY
        assert server.requests[0].startswith(b"HEAD /slo HTTP/1.1\r\n")

    @pytest.mark.parametrize("status", [200, 204, 303, 400, 404, 405, 500, 501])
    def test_hears_of_the_peer_itself_that_it_is(self, peer, channel, status):
        assert (
            channel().look(peer(gateway(status)).url("uwv.localhost"))
            is Reachability.THERE
        )

    def test_is_refused(self, channel):
        for scheme in ("http", "https"):
            url = f"{scheme}://localhost:{unused_port()}/"
            assert channel().look(url) is Reachability.REFUSED

    def test_is_refused_at_one_of_its_addresses(self, channel, monkeypatch):
        """The other one is of a family for which this machine has no route."""
        port, connect = unused_port(), socket.socket.connect
        both = [
            (family, socket.SOCK_STREAM, 0, "", address)
            for family, address in (
                (socket.AF_INET, ("127.0.0.1", port)),
                (socket.AF_INET, ("192.0.2.1", port)),
            )
        ]

        def no_route(sock, address):
            if address[0] == "192.0.2.1":
                raise OSError(errno.ENETUNREACH, "Network is unreachable")
            connect(sock, address)

        class Socket(socket.socket):
            connect = no_route

        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: both)
        monkeypatch.setattr(socket, "socket", Socket)
        assert channel().look(f"http://uwv.example:{port}/") is Reachability.REFUSED

    @pytest.mark.parametrize("has_tls", [False, True])
    def test_waits_no_longer_than_it_may(self, peer, channel, has_tls):
        scheme = "https" if has_tls else "http"
        start = time.monotonic()
        silent = peer(lambda peer, connection: peer.stop.wait(120))
        url = f"{scheme}://127.0.0.1:{silent.port}/"
        assert channel().look(url, timeout=0.2) is Reachability.SILENT
        with full_listener() as port:
            url = f"{scheme}://127.0.0.1:{port}/"
            assert channel().look(url, timeout=0.2) is Reachability.CUT_OFF
        assert time.monotonic() - start < 30

    def test_gets_nothing_of_who_hangs_up(self, peer, channel, tls):
        def hang_up(peer, connection):
            connection.shutdown(socket.SHUT_RDWR)

        assert channel().look(peer(hang_up).url()) is Reachability.SILENT

    def test_gets_no_tls_of_a_gateway_that_hangs_up(self, channel):
        """As one does that only passes on what comes."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            def hang_up():
                connection, _ = listener.accept()
                connection.close()

            # How that shows depends on who is faster.
            for _ in range(30):
                with ThreadPoolExecutor(1) as threads:
                    threads.submit(hang_up)
                    seen = channel().look(f"https://127.0.0.1:{port}/")
                assert seen is Reachability.SILENT

    def test_does_not_find_everybody(self, channel, monkeypatch):
        def unknown(*args, **kwargs):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        assert channel().look("https://uwv.invalid/") is Reachability.CUT_OFF

    def test_trusts_not_everybody_and_sees_them_all_the_same(self, peer, channel, tls):
        url = peer(gateway(503), tls=tls).url("localhost")
        assert channel().look(url) is Reachability.THERE

    def test_sees_nothing_by_a_proxy_that_is_away_or_refuses(self, peer, channel):
        back = channel(proxy=f"http://localhost:{unused_port()}")
        assert back.look("https://uwv.example/") is Reachability.CUT_OFF
        for status in (403, 503):
            back = channel(proxy=peer(gateway(status)).url(path=""))
            assert back.look("https://uwv.example/") is Reachability.CUT_OFF

    def test_that_finds_nobody_is_in_the_log_until_it_finds_something_else(
        self, peer, channel, monkeypatch, caplog
    ):
        moment = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: moment)
        server, back = peer(gateway(503)), channel()
        url, told = server.url(path="/a"), []
        for status in (503, 503, 204, 204, 503):
            server.behave = lambda _, connection, s=status: connection.sendall(
                gateway(s)
            )
            caplog.clear()
            back.look(f"{url}?x=y")
            told.append(caplog.text.count(f"{url} is down: a gateway answers"))
            moment += 6.0
        assert told == [1, 0, 0, 0, 1]

    def test_holds_for_five_seconds_of_that_address(self, peer, channel, monkeypatch):
        moment = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: moment)
        server, back = peer(gateway(503)), channel()
        assert back.look(server.url(path="/a")) is Reachability.AWAY
        moment = 1004.9
        server.behave = lambda peer, connection: connection.sendall(gateway(204))
        assert back.look(server.url(path="/a")) is Reachability.AWAY
        assert len(server.requests) == 1
        assert back.look(server.url(path="/b")) is Reachability.THERE
        moment = 1005.0
        assert back.look(server.url(path="/a")) is Reachability.THERE

    @pytest.mark.parametrize("known", [None, Reachability.THERE, Reachability.AWAY])
    def test_is_taken_by_one_while_others_go_by_what_is_known(
        self, channel, monkeypatch, known
    ):
        """A peer that hangs would hold a thread of each of them for two seconds."""
        looks, goes_on = threading.Semaphore(0), threading.Event()
        moment, back, url = 1000.0, channel(), "https://uwv.example/"

        def look(*_):
            looks.release()
            assert goes_on.wait(30)
            return Reachability.CUT_OFF

        monkeypatch.setattr(time, "monotonic", lambda: moment)
        if known is not None:
            monkeypatch.setattr(back, "_look", lambda *_: known)
            assert back.look(url) is known
        moment = 1005.0
        monkeypatch.setattr(back, "_look", look)
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(back.look, url)
            assert looks.acquire(timeout=30)
            try:
                assert {back.look(url) for _ in range(5)} == {
                    known or Reachability.SILENT
                }
            finally:
                goes_on.set()
            assert first.result(30) is Reachability.CUT_OFF
        assert back.look(url) is Reachability.CUT_OFF
        assert not looks.acquire(blocking=False), "one has looked"

    def test_that_breaks_off_is_taken_anew(self, channel, monkeypatch):
        def broken(*_):
            raise MemoryError

        back, url = channel(), "https://uwv.example/"
        with monkeypatch.context() as patch:
            patch.setattr(back, "_look", broken)
            with pytest.raises(MemoryError):
                back.look(url)
        monkeypatch.setattr(back, "_look", lambda *_: Reachability.THERE)
        assert back.look(url) is Reachability.THERE

    def test_is_not_remembered_for_ever_more_addresses(self, channel, monkeypatch):
        monkeypatch.setattr(back_channel, "_LOOKS", 3)
        back = channel()
        monkeypatch.setattr(back, "_look", lambda *_: Reachability.THERE)
        for number in range(5):
            back.look(f"https://uwv{number}.example/")
        remembered = list(back._looks)  # noqa: SLF001 - or count memory
        assert remembered == [f"https://uwv{n}.example/" for n in (2, 3, 4)]
