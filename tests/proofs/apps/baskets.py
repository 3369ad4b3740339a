"""An application with a session of its own, which can be held up in mid-request.

``?put=WORD`` puts a word into the visitor's basket. With ``door=PORT`` the request
first looks into the basket, then knocks at that port of this machine and waits until
somebody there says that it may go on: it writes what it read before.
"""

import socket
from urllib.parse import parse_qs

#: Seconds that a request waits at a door: longer than any test is patient.
PATIENCE = 60


def app(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    session = environ["beaker.session"]
    basket = session.get("basket", [])
    for port in query.get("door", ()):
        wait_at_door(int(port))
    if "put" in query:
        session["basket"] = basket + query["put"]
        session.save()
    user = environ.get("REMOTE_USER", "")
    words = " ".join(session.get("basket", []))
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"user=[{user}] basket=[{words}]".encode()]


def wait_at_door(port):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as door:
        door.sendall(b"?")
        door.recv(1)
