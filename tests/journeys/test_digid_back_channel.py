"""DigiD's back channel: its own key, its own authority, and a proxy, all at once.

The key that signs messages is none of those of TLS (DigiD 1.3 and 4).
"""

import contextlib
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from digid_speaker import Citizen, Digid
from hub_speaker import changes, hub_changes
from tls_servers import certificate
from webob import Request

from eilogin.config import read
from eilogin.federation.members.trust_options import TrustOptions, back_channel_of
from eilogin.saml import bindings
from eilogin.saml.metadata import Endpoint

WAS = "was.digid.test"


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"UWV"]


class Proxy:
    """Tunnels to one server, whatever name is asked for, and keeps the names."""

    def __init__(self, port):
        self.asked = []
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._tunnel(client)

    def _tunnel(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.asked.append(head.split(b"\r\n")[0].decode())
        server = socket.create_connection(self._to)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._open += [client, server]
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    def close(self):
        for one in (self._listener, *self._open):
            # Closed alone it would stay open for a thread that reads of it, and the
            # server behind us would wait for what never comes.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def was(tmp_path):
    """DigiD's server for artifacts, which wants to see a certificate; and a proxy."""
    certificate(tmp_path, "was", certificate(tmp_path, "root"), hosts=(WAS,))
    certificate(tmp_path, "tls", certificate(tmp_path, "ours"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tmp_path / "ours.crt")
    context.load_cert_chain(tmp_path / "was.crt", tmp_path / "was.key")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.shown.append(self.connection.getpeercert(binary_form=True))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request.blank("/artifact", method="POST", body=body)
            answer = request.get_response(self.server.app)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.shown = []
    server.client = ssl.PEM_cert_to_DER_cert((tmp_path / "tls.crt").read_text())
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    proxy = Proxy(server.server_address[1])
    yield server, proxy
    proxy.close()
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def make(clock, was, tmp_path, eilogin_federation):
    """A citizen at a participant that reaches DigiD with these options."""
    server, proxy = was

    def made(**options):
        said = {
            "profile": "digid",
            "back_channel_ca": str(tmp_path / "root.crt"),
            "back_channel_proxy": proxy.url,
            "tls_client_key": str(tmp_path / "tls.key"),
            "tls_client_certificate": str(tmp_path / "tls.crt"),
            **options,
        }
        said = {name: value for name, value in said.items() if value}
        federation = eilogin_federation(
            {"uwv.test": application},
            options={"uwv.test": said},
            hub_options={"profile": "digid"},
        )
        files = {
            "public_url": "https://uwv.test",
            "key": str(federation.folder / "uwv.test.key"),
            "certificate": str(federation.folder / "uwv.test.crt"),
            "federation": str(federation.folder / "federation.xml"),
            "federation_certificate": str(federation.folder / "federation.crt"),
        }
        trusting = read(TrustOptions, {}, {**files, **said})
        changes(federation, "uwv.test", back_channel=back_channel_of(trusting))
        resolver = Endpoint(bindings.SOAP, f"https://{WAS}/artifact", index=0)
        hub_changes(federation, "uwv.test", artifact_resolutions=(resolver,))
        server.app = Digid(federation.trusts["inloggen.test"])
        federation.apps["inloggen.test"] = server.app
        return Citizen(federation, server.app)

    return made


def test_all_of_it_at_once(make, was):
    server, proxy = was
    anna = make().logs_in()
    assert anna.is_logged_in
    assert [line.rpartition(" ")[0] for line in proxy.asked] == [f"CONNECT {WAS}:443"]
    assert server.shown == [server.client]
    own = anna.federation.trusts["uwv.test"].own
    assert own.key.certificate_text.encode() in server.app.resolves[-1]


@pytest.mark.parametrize(
    "missing",
    [
        pytest.param({"back_channel_ca": ""}, id="its authority"),
        pytest.param({"tls_client_key": "", "tls_client_certificate": ""}, id="ours"),
    ],
)
def test_without_a_part_of_it_nobody_is_logged_in(make, was, caplog, missing):
    anna = make(**missing).begins()
    anna.digid.confirms()
    anna.comes_back()
    assert anna.browser.page.status_int == 502
    assert "Er is een fout opgetreden in de communicatie met DigiD" in anna.browser.text
    assert "(peer-unavailable)" in caplog.text
    assert f"https://{WAS}" in caplog.text
    assert anna.digid.resolves == []
