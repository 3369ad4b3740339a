"""Participants that answer a hub's LogoutRequests over HTTP, in a process of their own.

``python answering.py FOLDER [PORT]`` reads from a line of standard input, as JSON, the
entityIDs of participants by their hosts; their keys are in the folder. It says in a
line which port it listens at, and ends with its standard input.

A participant ``p1.test`` is at ``http://p1.localhost:PORT/``. What is asked there of
``/slow/SECONDS`` takes its time, of ``/silent`` is never answered, and of anything else
is answered at once.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from eilogin import clock
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.signing_keys import SigningKey


@dataclass(frozen=True, slots=True)
class _Participant:
    entity_id: str
    key: SigningKey

    def answer(self, envelope: bytes) -> bytes:
        """That she is logged out here, signed; nobody looks whether she was."""
        request = messages.read_logout_request(bindings.unwrap_soap(envelope))
        response = messages.write_logout_response(
            messages.LogoutResponse(
                id=messages.new_id(),
                issued=clock.now(),
                issuer=self.entity_id,
                status=messages.Status(),
                in_response_to=request.id,
            )
        )
        xml_signatures.sign(response, self.key)
        return bindings.wrap_soap(response)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: All of them are called at once.
    request_queue_size = 512

    def __init__(self, participants: Mapping[str, _Participant], port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.participants = participants


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    # Connections are kept, as those of any server are.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Head and body go together, as from any server.
    wbufsize = -1

    def do_POST(self) -> None:
        question = self.rfile.read(int(self.headers["Content-Length"]))
        _, manner, *seconds = self.path.split("/")
        if manner == "silent":
            # Until whoever asks hangs up.
            self.rfile.read(1)
            self.close_connection = True
            return
        if manner == "slow":
            time.sleep(float(seconds[0]))
        name = self.headers["Host"].partition(".")[0]
        answer = self.server.participants[f"{name}.test"].answer(question)
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing: nobody reads it."""


def main(folder: str, port: str = "0") -> None:
    """Answer until nobody holds the other end of standard input."""
    participants = {
        host: _Participant(entity_id, _key(Path(folder), host))
        for host, entity_id in json.loads(sys.stdin.readline()).items()
    }
    server = _Server(participants, int(port))
    print(server.server_port)
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    # Who is silent is not waited for.
    os._exit(0)


def _key(folder: Path, host: str) -> SigningKey:
    return SigningKey.load(
        (folder / f"{host}.key").read_bytes(), (folder / f"{host}.crt").read_bytes()
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
