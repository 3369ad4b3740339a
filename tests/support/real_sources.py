"""A federation's metadata at an address on this machine, and the options of a site."""

import threading
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from eilogin import clock
from eilogin.federation.trust_options import TrustOptions
from eilogin.saml import signatures, xml
from eilogin.saml.metadata import write_federation
from eilogin.settings import read

DAY = 86_400.0


class Sources:
    """What an operator publishes: over HTTP, and as ``federation.xml`` in a folder."""

    def __init__(self, folder, make_own, operator, key_of):
        self.folder, self._make_own = folder, make_own
        self._operator, self._key_of = operator, key_of
        self.octets, self.asked, self.statuses = b"", [], []
        self._server = None
        (folder / "trust").mkdir()
        self.certificate("operator.crt", operator)
        key = key_of("member")
        pem = key.private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        (folder / "member.key").write_bytes(pem)
        self.certificate("member.crt", key)

    @property
    def url(self):
        if self._server is None:
            self._server = _Server(self)
        return f"http://localhost:{self._server.server_port}/federation.xml"

    def publish(self, *names, **how):
        """Have the federation be of these from now on."""
        self.octets = self.made(*names, **how)
        (self.folder / "federation.xml").write_bytes(self.octets)

    def made(self, *names, key=None, days=30, resolvers=True, cache="", says_when=True):
        """The metadata of these; the first is a hub where it is called so."""
        members = [self._member(name, resolvers=resolvers) for name in names]
        ends = clock.now() + days * DAY
        key = key or self._operator
        octets = write_federation(members, name="Proef", valid_until=ends, key=key)
        if not cache and says_when:
            return octets
        root = xml.parse(octets, xml.METADATA)
        root.remove(root.find(xml.q("ds:Signature")))
        if cache:
            root.set("cacheDuration", cache)
        if not says_when:
            root.remove(root.find(xml.q("md:Extensions")))
        signatures.sign(root, key)
        return xml.serialize(root)

    def certificate(self, name, key):
        text = key.certificate_text
        lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
        pem = f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
        (self.folder / name).write_text(pem)

    def said(self, **said):
        """The options of a site, as an ini file has them."""
        found = {
            "public_url": "https://uwv.test",
            "key": "member.key",
            "certificate": "member.crt",
            "federation": said.get("federation") or self.url,
            "federation_certificate": "operator.crt",
            "federation_folder": "trust",
            **said,
        }
        return {name: value for name, value in found.items() if value is not None}

    def site(self, **said):
        return read(
            TrustOptions, {"__file__": f"{self.folder}/paste.ini"}, self.said(**said)
        )

    def close(self):
        """Nothing answers at the address any more."""
        if self._server is not None:
            self._server.close()

    def _member(self, name, *, resolvers):
        url = name.partition("/metadata")[0].removesuffix("/eilogin")
        role = "hub" if "hub" in name else "participant"
        own = self._make_own(role, entity_id=name, public_url=url)
        found = own.descriptor()
        if role == "hub" and not resolvers:
            hub = replace(found.identity_provider, artifact_resolutions=())
            found = replace(found, identity_provider=hub)
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sources):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sources = sources
        self._thread = threading.Thread(
            target=self.serve_forever, args=[0.01], daemon=True
        )
        self._thread.start()

    def close(self):
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        sources = self.server.sources
        sources.asked.append(self.path)
        etag = f'"{sha256(sources.octets).hexdigest()}"'
        is_known = self.headers.get("If-None-Match") == etag
        body = b"" if is_known else sources.octets
        sources.statuses.append(304 if is_known else 200)
        self.send_response(sources.statuses[-1])
        self.send_header("ETag", etag)
        self.send_header("Content-Type", "application/samlmetadata+xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass
