"""Many visitors in several processes, while others of them are logged out.

``python crowd.py INI FOLDER SEED``: test_logout_is_seen.py starts it, and judges what
it leaves in the folder. Every process asks the application behind all the filters, in
process; now and then it logs somebody out. What it did it writes down with the time
of the one clock that all processes of a machine share.
"""

import os
import random
import sys
import time
from array import array
from pathlib import Path

from paste.deploy import loadapp

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.sessions import Login, Subject

PROCESSES = 8
REQUESTS = 100_000
LOGOUTS = 1_000
#: So many sessions; those from LOGOUTS on are never logged out.
SESSIONS = 2_000
#: How near to the session that is just logged out most requests are, in sessions.
NEAR = 12

ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/open",
    "QUERY_STRING": "",
    "SERVER_NAME": "uwv.test",
    "SERVER_PORT": "443",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_HOST": "uwv.test",
    "wsgi.url_scheme": "https",
    "wsgi.multiprocess": True,
}


class Notes:
    """What one process saw: a row for each request, and for each logout."""

    def __init__(self):
        self.requests = array("q")
        self.logouts = array("q")
        #: Logouts that the store had no time for, and that were asked for again.
        self.again = array("q")

    def write(self, folder, number):
        for name in ("requests", "logouts", "again"):
            with (folder / f"{name}{number}").open("wb") as file:
                getattr(self, name).tofile(file)


def subject(number):
    return Subject(
        "https://inloggen.test/metadata",
        "https://uwv.test/eilogin/metadata",
        f"citizen{number}",
    )


def log_in_all(sessions):
    now = clock.now()
    return [
        sessions.create_login(
            Login(
                subject(number), "basis", now, now + 7200, now,
                {"name": ["Anna"]}, f"index{number}",
            ),
            issued=now,
        )
        for number in range(SESSIONS)
    ]  # fmt: skip


def log_out(sessions, number, notes):
    indexes = [f"index{number}"] if number % 2 else []
    began = time.monotonic_ns()
    while True:
        try:
            sessions.end_subject(subject(number), indexes, issued=clock.now())
        except StoreUnavailable:
            # So many writers at once: somebody may wait for too long.
            notes.again.append(number)
            time.sleep(0.05)
        else:
            notes.logouts.extend((number, began, time.monotonic_ns()))
            return


def ask(app, token):
    """Whether a request with this cookie is served as one of somebody logged in."""
    environ = {**ENVIRON, "HTTP_COOKIE": f"__Host-eilogin={token}"}
    statuses = []
    answer = app(
        environ, lambda status, headers, exc_info=None: statuses.append(status)
    )
    body = b"".join(answer)
    assert statuses == ["200 OK"], statuses
    return body != b"nobody"


def visit(app, tokens, number, seed):
    """What one process does."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    notes = Notes()
    requests, logouts = REQUESTS // PROCESSES, LOGOUTS // PROCESSES
    every = requests // logouts
    for turn in range(requests):
        if turn % every == 0:
            log_out(app.sessions, turn // every * PROCESSES + number, notes)
        if chance.random() < 0.75:
            near = turn * LOGOUTS // requests + round(chance.gauss(0, NEAR))
            who = min(max(near, 0), LOGOUTS - 1)
        else:
            who = chance.randrange(LOGOUTS, SESSIONS)
        began = time.monotonic_ns()
        is_served = ask(app, tokens[who])
        notes.requests.extend((who, began, time.monotonic_ns(), is_served))
    return notes


def main(ini, folder, seed):
    app = loadapp(f"config:{ini}")
    tokens = log_in_all(app.sessions)
    app.sessions.store.close()
    here, there = os.pipe()
    children = []
    for number in range(PROCESSES):
        child = os.fork()
        if child == 0:
            os.close(there)
            os.read(here, 1)
            visit(app, tokens, number, seed + number).write(folder, number)
            os._exit(0)
        children.append(child)
    # All begin at once.
    os.close(there)
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, status


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
