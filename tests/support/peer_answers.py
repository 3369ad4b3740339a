"""Responses of a raw peer, and ports that nobody listens at."""

import contextlib
import socket

from raw_peer import OK

FINE = OK + b"Content-Length: 7\r\n\r\n<fine/>"


def refusing(body, *headers, status=b"500 Oops"):
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 " + status, length, *headers, b"", body])


def saying(words):
    return (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
        "<soap:Body><soap:Fault><faultcode>soap:Client</faultcode>"
        f"<faultstring>{words}</faultstring></soap:Fault></soap:Body></soap:Envelope>"
    ).encode()


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


def gateway(status, body=b""):
    """The answer of a gateway for a peer that does not answer."""
    head = f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
