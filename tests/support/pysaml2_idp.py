"""A small identity provider on pysaml2, as the hub of our participants."""

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from peer_servers import LOOPBACK, Clock, Server, fetch
from real_parts import unavailable

from eilogin.saml.signing_keys import new_key_pair

APP = Path(__file__).with_name("pysaml2_app.py")
XMLSEC = Path("/usr/bin/xmlsec1")


def require_pysaml2() -> None:
    """Skip the test where a part is missing; fail where there has to be one."""
    if importlib.util.find_spec("saml2") is None:
        unavailable("needs pysaml2: pip install 'eilogin[test]'")
    if not XMLSEC.exists():
        unavailable("needs xmlsec1, which pysaml2 calls: apt install xmlsec1")


class Pysaml2IdP:
    """The server; ``participants`` are their metadata by any name, as they publish it.

    What it does is in :mod:`pysaml2_app`, what it does otherwise :meth:`behaving` says.
    """

    def __init__(
        self, folder: Path, port: int, participants: Mapping[str, bytes]
    ) -> None:
        self.folder = folder
        self.port = port
        #: The time of day there.
        self.clock = Clock(folder)
        self._behave()
        for name in ("idp", "impostor"):
            key, certificate = new_key_pair(name)
            (folder / f"{name}.key").write_bytes(key)
            (folder / f"{name}.crt").write_bytes(certificate)
        for name, metadata in participants.items():
            (folder / f"sp-{name}.xml").write_bytes(metadata)

    def url(self, path: str = "/") -> str:
        """An address of it."""
        return f"http://idp{LOOPBACK}:{self.port}{path}"

    def metadata(self) -> bytes:
        """Its metadata, as it publishes it."""
        return fetch(self.url("/metadata"))

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Serve, by its clock."""
        command = [sys.executable, APP, self.folder, str(self.port)]
        with Server(self.folder, command, self.port, clock=self.clock) as server:
            yield server

    @contextmanager
    def behaving(self, **otherwise: object) -> Iterator[None]:
        """Have it do something otherwise."""
        self._behave(**otherwise)
        try:
            yield
        finally:
            self._behave()

    def _behave(self, **otherwise: object) -> None:
        # Whole or not at all: it may be reading it.
        fresh = self.folder / "behaviour.new"
        fresh.write_text(json.dumps(otherwise))
        fresh.replace(self.folder / "behaviour.json")
