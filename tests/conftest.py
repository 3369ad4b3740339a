"""Parties that a test speaks for: messages as a hub, a participant or an attacker
would send them, made with real keys and told to the real thing.
"""

import contextlib
import gc
import itertools
import json
import os
import re
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from wsgiref.validate import validator

import beaker_backends
import memcached_servers
import pytest
import redis_servers
import time_machine
from hypothesis import settings
from lxml import etree
from parties import HubParty, Party, new_party_key
from webob import Request

from eilogin.federation.refresh import refresh_schedule
from eilogin.hub import hub_jobs
from eilogin.participant.expiry import activity_reports
from eilogin.saml import bindings, messages, safe_xml
from eilogin.web.pages import refusal_records
from eilogin.web.reporting import rate_limited_log

START = "2026-11-24T09:00:00Z"

# How long an example takes says something of the machine only, which may be busy.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")


#: A folder of the system in memory, and the bytes that tests may write there.
MEMORY, ROOM = Path("/dev/shm"), 6 * 1024**3  # noqa: S108 - a folder of our own in it


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Write temporary files into memory if there is room and TMPDIR names no folder.

    Stores and metadata are synchronised thousands of times, for which a disk needs
    minutes. The processes that share the tests, and all servers, inherit TMPDIR.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    if shutil.disk_usage(MEMORY).free < ROOM:
        return
    folder = Path(tempfile.mkdtemp(prefix="eilogin-tests-", dir=MEMORY))
    # The Apache of a test has another user.
    folder.chmod(0o711)
    os.environ["TMPDIR"], tempfile.tempdir = str(folder), None

    def remove():
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(remove)


def pytest_sessionstart():
    """Keep each gunicorn of a test from its control socket in the home directory."""
    os.environ["GUNICORN_CMD_ARGS"] = "--no-control-socket"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection():
    """Collect no garbage while pytest collects tests: nearly all of it stays.

    Afterwards the collector leaves out the 23,000 tests, which live until the end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config, items):
    """Begin with the tests that take long, if several processes share the tests.

    The last file then keeps one process busy for a few seconds only.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("any_python") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Start three processes for two cores (``-n auto``), since tests wait often."""
    return len(os.sched_getaffinity(0)) * 3 // 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each process whole files, in the order in which they were collected.

    Tests of a file share servers (fixtures of the scope ``module``). All files of
    ``tests/apps`` but that of Plone share the servers of the applications.
    """
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - an optional part

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            shares = file.startswith("tests/apps/") and not file.endswith("plone.py")
            return "tests/apps" if shares else file

    config.option.loadscopereorder = False
    return Scheduling(config, log)


class Witness:
    """An application that keeps what it was asked, and says whom it saw."""

    def __init__(self):
        self.seen = []

    def __call__(self, environ, start_response):
        self.seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"user=[{environ.get('REMOTE_USER', '')}]".encode("latin-1")]

    @property
    def environ(self):
        """What the last request looked like to the application."""
        return self.seen[-1]


@pytest.fixture(scope="session", autouse=True)
def _nobody_is_at_work_here():
    """A hub that a test loads in this process starts a thread, which outlives it.

    It waits for ever here: stores of tests go, and clocks are moved.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_jobs, "EVERY", 1e6)
        # Tests send activity reports by Federation.report_activity.
        patch.setattr(activity_reports, "start", lambda _: None)
        yield


@pytest.fixture(autouse=True)
def _no_site_refreshes_after_its_test():
    """The thread of this process looks after a site for as long as something holds it.

    The child that refreshes has the clock of the machine, and this process that of a
    test, so that a refresh can be due again and again: a child every second, for good.
    """
    before = refresh_schedule.REFRESH_THREAD.awake
    yield
    for watch in refresh_schedule.REFRESH_THREAD.awake - before:
        refresh_schedule.REFRESH_THREAD.remove(watch)


@pytest.fixture(autouse=True)
def _no_refusals_before():
    """Refusals of earlier tests do not count among those of this one."""
    refusal_records._LINES.forget()  # noqa: SLF001 - of the process
    rate_limited_log.LINES.forget()


@pytest.fixture(autouse=True)
def _modules_are_found_as_before():
    """An application that a test serves puts its folders before all others for good.

    There may be something by our name in one, which a process started later would find.
    """
    before = sys.path[:]
    yield
    sys.path[:] = before


@pytest.fixture(scope="session")
def attacker_key():
    """A key that nobody in the federation knows."""
    return new_party_key("attacker")


@pytest.fixture
def clock():
    """A clock that stands still until the test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def witness():
    return Witness()


@pytest.fixture
def federation(clock, witness, eilogin_federation):
    """Three participants: answers by artifact, by POST, and one with many rules."""
    return eilogin_federation(
        {"uwv.test": witness, "stad.test": witness, "land.test": witness},
        options={
            "stad.test": {"acs": "post"},
            "land.test": {
                "acs": "post",
                "protect": "=/ optional\n/static off\n/percelen midden",
            },
        },
    )


@pytest.fixture
def hub(federation):
    """The hub, for messages that the real one would not send."""
    return HubParty(federation.trusts["inloggen.test"])


@pytest.fixture
def hub_of():
    """The same for a federation that the test makes itself."""
    return lambda federation: HubParty(federation.trusts["inloggen.test"])


@pytest.fixture
def party(federation):
    """A participant by its host, for messages that a real one would not send."""

    def speak_for(host, key=None):
        return Party(federation.trusts[host], key)

    return speak_for


@pytest.fixture
def refused(caplog):
    """Assert a refusal with a reference, whose cause is in the log and nowhere else.

    A server gets a SOAP fault (SOAP 1.1, 6.2: with status 500), a visitor a page.
    """

    def check(answer, code, status=400):
        is_soap = answer.content_type == "text/xml"
        assert answer.status_int == (500 if is_soap else status)
        # A script is told the code; a person is not.
        assert answer.content_type == "application/json" or code not in answer.text
        if is_soap:
            assert "soap-env:Client" in answer.text
        reference = re.search(r"\b[2-9A-Z]{3}-[2-9A-Z]{3}\b", answer.text)[0]
        line = next(m for m in caplog.messages if m.startswith(reference))
        assert f"({code}):" in line

    return check


@pytest.fixture
def asked():
    """The AuthnRequest and RelayState in the address of a redirect."""

    def read(url):
        received = bindings.read_redirect(urlsplit(url).query)
        request = messages.read_authn_request(safe_xml.parse(received.octets))
        return request, received.relay_state

    return read


@pytest.fixture
def call(federation):
    """Send one request to a federation, and follow nothing."""
    app = validator(federation)

    def send(method, url, body=b"", **headers):
        request = Request.blank(url, method=method, body=body)
        request.headers.update({k.replace("_", "-"): v for k, v in headers.items()})
        response = request.get_response(app)
        response.body  # noqa: B018 - read whole, and closed (PEP 3333)
        return response

    return send


@pytest.fixture
def send_form(call):
    """Send a form as a browser does from the page of another site."""

    def send(url, fields, **headers):
        body = urlencode(fields).encode()
        kind = "application/x-www-form-urlencoded"
        return call("POST", url, body, Content_Type=kind, **headers)

    return send


@pytest.fixture
def events(caplog):
    """The audit events so far, each as a dictionary."""
    caplog.set_level("INFO", "eilogin")

    def read(code=None):
        told = [
            json.loads(record.getMessage())
            for record in caplog.records
            if record.name == "eilogin.audit"
        ]
        return [event for event in told if code in (None, event["code"])]

    return read


@pytest.fixture
def tampered():
    """The same message with something in it replaced after it was signed."""

    def change(element, old, new):
        octets = safe_xml.serialize(element)
        assert old.encode() in octets
        return etree.fromstring(octets.replace(old.encode(), new.encode()))

    return change


@pytest.fixture(scope="session")
def redis_kinds(tmp_path_factory):
    """Redis servers of each kind, which all tests share; started when asked for."""
    with redis_servers.RedisServers(tmp_path_factory.mktemp("redis")) as servers:
        yield servers


@pytest.fixture(scope="session")
def redis_url(redis_kinds):
    """The URL of a new store, with nothing in it, of a kind of server."""
    numbers = itertools.count(1)

    def new_url(kind):
        return redis_kinds.url(kind, prefix=f"test{next(numbers)}")

    return new_url


@pytest.fixture(scope="session")
def memcached_started():
    """One memcached for all tests, started when it is asked for."""
    with contextlib.ExitStack() as stack:

        @cache
        def start():
            memcached_servers.require_memcached()
            return stack.enter_context(memcached_servers.MemcachedServer())

        yield start


@pytest.fixture
def backend_of(tmp_path, request, memcached_started):
    """One of Beaker's backends, with nothing in it, by its kind."""

    def redis():
        redis_servers.require_redis()
        return request.getfixturevalue("redis_kinds").redis

    def make(kind):
        return beaker_backends.lying(kind, tmp_path, redis, memcached_started)

    return make


@pytest.fixture(params=beaker_backends.KINDS)
def lying(request, backend_of):
    """Each of Beaker's backends, and what lies in it."""
    return backend_of(request.param)


@pytest.fixture
def new_redis(tmp_path):
    """Start a Redis server of a test's own, with options, which it may do away with."""
    redis_servers.require_redis()
    numbers = itertools.count(1)
    with contextlib.ExitStack() as stack:

        def start(kind=redis_servers.RedisServer, **options):
            server = kind(tmp_path / f"redis{next(numbers)}", **options)
            stack.callback(server.kill)
            return server.start()

        yield start
