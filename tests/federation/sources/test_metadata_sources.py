"""Metadata from a real HTTP server on loopback that behaves, and that does not."""

import hashlib
import logging
import math
import os
import re
import socket
import ssl
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eilogin import clock
from eilogin.config import read
from eilogin.errors import (
    ConfigurationError,
    HubUnknown,
    InvalidOptions,
    MetadataLifetime,
    MetadataOlder,
    MetadataUnavailable,
    MetadataUntrusted,
    MetadataUnusable,
    PeerUnusable,
    PeerWithoutKeys,
    UnknownPeer,
)
from eilogin.federation import Membership, MetadataFile
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.sources.member_filters import MemberFilters
from eilogin.federation.sources.metadata_downloads import MetadataClient, MetadataURL
from eilogin.federation.sources.metadata_sources import AcceptedCopy, files_in
from eilogin.federation.trust_start import trust_of
from eilogin.http_client import ClientCertificate
from eilogin.saml import messages, safe_xml, xml_signatures
from eilogin.saml.metadata import write_entity, write_federation
from eilogin.saml.metadata.packed_members import Members, Packed, members_except
from eilogin.saml.signing_keys import SigningKey

UWV, HUB = "https://uwv.test/eilogin/metadata", "https://hub.test/metadata"
#: The same in the address of a question to a responder.
HUB_ASKED = "/mdq/entities/https%3A%2F%2Fhub.test%2Fmetadata"
HOUR, SKEW = 3600.0, 60.0


class Server(ThreadingHTTPServer):
    """Answers by path: ``pages`` has the octets, or what to call for them."""

    daemon_threads = True

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        self.pages, self.asked, self.conditions = {}, [], []
        self.released = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, args=[0.01])
        self.thread.start()

    def url(self, path="/federation.xml"):
        return f"{self.scheme}://localhost:{self.server_port}{path}"

    def close(self):
        """Nothing answers at its address any more."""
        self.released.set()
        if self.thread.is_alive():
            self.shutdown()
            self.thread.join()
            self.server_close()

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is what some tests are about


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Accept"]))
        self.server.conditions.append(
            (self.headers["If-None-Match"], self.headers["If-Modified-Since"])
        )
        page = self.server.pages.get(self.path)
        if page is None:
            self.answer(404, {}, b"nothing here")
        elif callable(page):
            page(self)
        else:
            self.answer(200, {"Content-Type": "application/samlmetadata+xml"}, page)

    def do_CONNECT(self):
        self.server.asked.append((self.path, ""))
        self.answer(502, {}, b"")

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def known_by(octets, **validators):
    """A page that is sent to who does not have it yet."""
    headers = {name.replace("_", "-"): said for name, said in validators.items()}

    def page(handler):
        if headers.keys() & {"ETag", "Last-Modified"} and all(
            handler.headers[condition] == headers.get(name)
            for condition, name in CONDITIONS.items()
        ):
            handler.answer(304, headers, b"")
        else:
            handler.answer(200, headers, octets)

    return page


CONDITIONS = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}


def html(handler):
    page = b"<!DOCTYPE html><html><title>Log in to our wifi</title></html>"
    handler.answer(200, {"Content-Type": "text/html; charset=utf-8"}, page)


def redirect(location, status=302):
    return lambda handler: handler.answer(status, {"Location": location}, b"")


def never(handler):
    handler.server.released.wait(120)


def drop_by_drop(handler):
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.released.wait(0.05):
        handler.wfile.write(b"<")
        handler.wfile.flush()


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.released.is_set():
        handler.wfile.write(b" " * 65_536)


@pytest.fixture
def start():
    servers = []

    def start(tls=None):
        servers.append(Server(tls))
        return servers[-1]

    yield start
    for one in servers:
        one.close()


@pytest.fixture
def members(make_own):
    hub = make_own("hub", entity_id=HUB, public_url="https://hub.test")
    return [hub.descriptor(), make_own().descriptor()]


@pytest.fixture
def octets(members, operator):
    """The metadata of a hub and a participant, valid for an hour."""
    return write_federation(
        members, name="Proef", valid_until=clock.now() + HOUR, key=operator
    )


@pytest.fixture
def server(start, octets):
    server = start()
    server.pages["/federation.xml"] = octets
    return server


@pytest.fixture
def source(server, operator):
    """What is fetched of the server, in two seconds at most."""

    def make(path="/federation.xml", **changes):
        web = {"timeout": 2.0, **changes.pop("web", {})}
        keys = changes.pop("keys", [operator.public])
        return MetadataURL(server.url(path), keys, MetadataClient(**web), **changes)

    return make


def names(source, longest=None):
    return [entity.entity_id for entity in source.load(longest).entities]


class TestWhatIsFetched:
    def test_is_what_the_operator_signed(self, source, server):
        federation = Membership.from_files([source()])
        assert [e.entity_id for e in federation.entities] == [HUB, UWV]
        assert federation.copies == ()
        assert server.asked == [("/federation.xml", "application/samlmetadata+xml")]

    def test_may_stand_beside_a_file(self, source, server, members, operator, tmp_path):
        server.pages["/hub.xml"] = write_entity(members[0], operator)
        file = tmp_path / "uwv.xml"
        file.write_bytes(write_entity(members[1], operator))
        local = MetadataFile(file, [operator.public])
        found = Membership.from_files([local, source("/hub.xml")])
        assert [e.entity_id for e in found.entities] == [UWV, HUB]
        with pytest.raises(MetadataUnusable, match=r"federation\.xml: .*another file"):
            Membership.from_files([local, source()])

    def test_of_another_key_is_refused(self, source, key):
        told = r"http://localhost:\d+/federation\.xml: .*Ask the operator"
        with pytest.raises(MetadataUntrusted, match=told):
            source(keys=[key.public]).load(None)

    def test_that_was_changed_on_the_way_is_refused(self, source, server, octets):
        server.pages["/federation.xml"] = octets.replace(b"hub.test/sso", b"bad.test/x")
        with pytest.raises(MetadataUntrusted):
            source().load(None)

    def test_that_is_a_page_is_told_as_what_it_is(self, source, server):
        server.pages["/federation.xml"] = html
        told = r"federation\.xml: .*expected SAML metadata.* 61 bytes of 'text/html"
        with pytest.raises(MetadataUnusable, match=told):
            source().load(None)

    def test_that_has_no_key_is_told(self, source, server, operator, make_own):
        entity = write_entity(make_own().descriptor())
        bare = re.sub(rb"<md:KeyDescriptor.*</md:KeyDescriptor>", b"", entity, flags=16)
        signed = _signed(bare, operator)
        server.pages["/federation.xml"] = signed
        with pytest.raises(PeerWithoutKeys, match=r"localhost:\d+/federation\.xml"):
            source().load(None)

    def test_must_end_in_time(self, source):
        with pytest.raises(MetadataLifetime, match=r"localhost:\d+/federation\.xml"):
            source().load(HOUR / 2)

    def test_is_asked_for_anew_each_time_and_leaves_no_connection(self, source, server):
        # Those of others may end meanwhile.
        before = set(threading.enumerate())
        source().load(None)
        source().load(None)
        assert len(server.asked) == 2
        for _ in range(100):
            if before.issuperset(threading.enumerate()):
                break
            time.sleep(0.02)
        # A connection that was kept would keep its thread at the server.
        assert before.issuperset(threading.enumerate())


def _signed(octets, operator):
    root = safe_xml.parse(octets)
    for before in root.findall(safe_xml.q("ds:Signature")):
        root.remove(before)
    root.set("ID", messages.new_id())
    xml_signatures.sign(root, operator)
    return safe_xml.serialize(root)


class TestARedirect:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_is_followed(self, source, server, status):
        server.pages["/old"] = redirect("/federation.xml", status)
        assert names(source("/old")) == [HUB, UWV]

    def test_is_followed_five_times(self, source, server):
        for number in range(5):
            server.pages[f"/{number}"] = redirect(f"/{number + 1}")
        server.pages["/5"] = server.pages["/federation.xml"]
        assert names(source("/0")) == [HUB, UWV]
        server.pages["/first"] = redirect("/0")
        with pytest.raises(MetadataUnavailable, match=r"/first: more than 5 redirects"):
            source("/first").load(None)

    def test_in_a_circle_ends(self, source, server):
        server.pages["/round"] = redirect("/round")
        with pytest.raises(MetadataUnavailable, match=r"more than 5 redirects, the la"):
            source("/round").load(None)
        assert len(server.asked) == 6

    @pytest.mark.parametrize(
        "location",
        [
            "http://example.nl/x",
            "file:///etc/passwd",
            "http://[",
            "ftp://localhost/",
            "https://user@example.nl/",
            "https://example.nl\\@localhost/",
        ],
    )
    def test_to_what_is_not_https_is_refused(self, source, server, location):
        server.pages["/old"] = redirect(location)
        with pytest.raises(
            MetadataUnavailable,
            match=("redirected to an address that eilogin does not follow"),
        ):
            source("/old").load(None)

    def test_to_nowhere_is_a_status(self, source, server):
        server.pages["/old"] = lambda handler: handler.answer(302, {}, b"")
        with pytest.raises(MetadataUnavailable, match="with status 302"):
            source("/old").load(None)


class TestASourceThatDoesNotGiveIt:
    def test_because_it_is_down_is_named(self, source, server):
        server.close()
        told = (
            r"federation\.xml refuses connections.*Ask the administrator of that"
            r" address"
        )
        with pytest.raises(MetadataUnavailable, match=told) as caught:
            source().load(None)
        assert str(caught.value).count("/federation.xml") == 1

    def test_is_named_with_the_address_that_led_there(self, source, server):
        server.pages["/old"] = redirect("/new")
        told = r"/old: http\S+/new answered with status 404; expected SAML metadata"
        with pytest.raises(MetadataUnavailable, match=told):
            source("/old").load(None)

    def test_by_its_status_is_named_once(self, source):
        with pytest.raises(MetadataUnavailable) as caught:
            source("/gone.xml").load(None)
        assert str(caught.value).count("/gone.xml") == 1

    def test_tells_its_status_but_not_what_its_address_asks(self, source):
        with pytest.raises(MetadataUnavailable, match="with status 404") as caught:
            source("/gone.xml?token=geheim").load(None)
        assert "geheim" not in str(caught.value)

    @pytest.mark.parametrize("behaviour", [never, drop_by_drop])
    def test_in_time_is_not_waited_for(self, source, server, behaviour):
        server.pages["/federation.xml"] = behaviour
        begun = time.monotonic()
        with pytest.raises(MetadataUnavailable, match=r"did not answer within 0\.4 s"):
            source(web={"timeout": 0.4}).load(None)
        assert time.monotonic() - begun < 30

    def test_in_time_after_redirects_is_not_waited_for(self, source, server):
        def slowly(handler):
            time.sleep(1.2)
            redirect("/federation.xml")(handler)

        server.pages["/federation.xml"] = slowly
        # The second answer gets the time that the first one leaves, 0.8 s at most.
        with pytest.raises(MetadataUnavailable, match=r"did not answer within 0\.\d s"):
            source(web={"timeout": 2.0}).load(None)

    @pytest.mark.parametrize("is_endless", [True, False])
    def test_in_a_size_is_not_read(self, source, server, is_endless):
        if is_endless:
            server.pages["/federation.xml"] = endless
        with pytest.raises(MetadataUnavailable, match="more than 1000 bytes"):
            source(web={"longest": 1000}).load(None)


class TestWhatIsKnown:
    """What was taken of a source is known when it is asked again."""

    @pytest.fixture
    def copy(self, tmp_path):
        return tmp_path / "copy.xml"

    @pytest.fixture
    def taken(self, copy):
        """Take what is there; what is to be known of it the next time."""

        def taken(source, before=None):
            fetched = source.fetch(before, None)
            copy.write_bytes(fetched.octets)
            return fetched, fetched.accepted_after(before, copy)

        return taken

    def test_is_what_it_was(self, source, octets, taken, copy):
        fetched, known = taken(source())
        assert fetched.is_new
        assert fetched.octets == octets
        assert known == AcceptedCopy(
            created=fetched.metadata.created,
            valid_until=fetched.metadata.valid_until,
            id=safe_xml.parse(octets).get("ID"),
            sha256=hashlib.sha256(octets).hexdigest(),
            copy=copy,
        )
        assert known.created == pytest.approx(clock.now(), abs=60)

    @pytest.mark.parametrize(
        "validators",
        [
            {"ETag": '"one"'},
            {"Last_Modified": "Tue, 24 Nov 2026 09:00:00 GMT"},
            {"ETag": 'W/"one"', "Last_Modified": "Tue, 24 Nov 2026 09:00:00 GMT"},
        ],
    )
    @pytest.mark.parametrize("path", ["/federation.xml", "/old"])
    def test_is_not_sent_again(  # noqa: PLR0913, PLR0917
        self, source, server, octets, taken, validators, path
    ):
        server.pages["/federation.xml"] = known_by(octets, **validators)
        server.pages["/old"] = redirect("/federation.xml")
        _, known = taken(source(path))
        assert server.conditions[-1] == (None, None)
        again, known_again = taken(source(path), known)
        asked = (validators.get("ETag"), validators.get("Last_Modified"))
        assert server.conditions[-1] == asked
        assert not again.is_new
        assert again.failure == ""
        assert [e.entity_id for e in again.metadata.entities] == [HUB, UWV]
        assert known_again == known

    def test_is_sent_again_where_the_copy_is_another(
        self, source, server, octets, taken, copy
    ):
        server.pages["/federation.xml"] = known_by(octets, ETag='"one"')
        _, known = taken(source())
        copy.write_bytes(octets[:-1])
        assert not source().fetch(known, None).is_new
        assert server.conditions[-1] == (None, None)

    def test_is_the_same_where_it_is_sent_again(self, source, taken):
        _, known = taken(source())
        assert not source().fetch(known, None).is_new

    @pytest.mark.parametrize(
        ("said", "seconds"),
        [
            ("max-age=600", 600.0),
            ("public, Max-Age=60", 60.0),
            ("s-maxage=60", None),
            ("max-age=soon", None),
            ("no-store", None),
        ],
    )
    def test_is_good_for_as_long_as_its_server_says(
        self, source, server, octets, said, seconds
    ):
        server.pages["/federation.xml"] = known_by(octets, Cache_Control=said)
        assert source().fetch(None, None).max_age == seconds

    def test_is_not_the_same_where_nobody_asked_that(self, source, server):
        server.pages["/federation.xml"] = lambda handler: handler.answer(304, {}, b"")
        with pytest.raises(MetadataUnavailable, match="with status 304"):
            source().load(None)

    @pytest.mark.parametrize("etag", ["\xe9", "x" * 501])
    def test_is_nothing_that_could_not_be_sent_back(self, source, server, octets, etag):
        server.pages["/federation.xml"] = known_by(octets, ETag=etag)
        assert source().fetch(None, None).etag == ""

    def test_is_used_where_the_source_is_down(self, source, server, taken):
        fetched, known = taken(source())
        server.close()
        again = source().fetch(known, None)
        assert again.metadata.entities == fetched.metadata.entities
        assert "refuses connections" in again.failure
        assert again.metadata.instead_of == again.failure
        assert not again.is_new
        assert again.accepted_after(known, known.copy) == known

    def test_is_older_where_it_was_there_before_another_of_its_second(
        self, source, server, members, operator, taken
    ):
        self.brings_back(source, server, taken, *_of_one_second(members, operator))

    def test_is_older_where_it_was_there_before_and_none_says_when(
        self, source, server, members, operator, taken
    ):
        both = _of_one_second(members, operator)
        bare = [_without_instant(octets, operator) for octets in both]
        self.brings_back(source, server, taken, *bare)

    def brings_back(self, source, server, taken, first, second):
        server.pages["/federation.xml"] = first
        _, known = taken(source())
        server.pages["/federation.xml"] = second
        fetched, known = taken(source(), known)
        assert fetched.is_new
        assert fetched.failure == ""
        server.pages["/federation.xml"] = first
        failure = source().fetch(known, None).failure
        assert failure.endswith(f"remove {known.copy} (metadata-older)")

    def test_is_newer_where_the_other_of_its_second_is_over_sooner(
        self, source, server, members, operator, taken
    ):
        shorter, longer = _of_one_second(members, operator, HOUR, 2 * HOUR)
        server.pages["/federation.xml"] = longer
        _, known = taken(source())
        server.pages["/federation.xml"] = shorter
        assert "(metadata-older)" in source().fetch(known, None).failure
        unreadable = replace(known, copy=known.copy / "below a file")
        with pytest.raises(MetadataOlder, match="the previous copy either"):
            source().fetch(unreadable, None)
        # Who removes the copy wants nothing to be known any more.
        known.copy.unlink()
        assert source().fetch(known, None).failure == ""

    def test_is_older_where_it_was_there_before_though_a_clock_was_ahead(
        self, source, server, members, operator, taken
    ):
        """It was ahead while the second came, and then was set right."""
        now, known, made = clock.now(), None, {}
        for hours in (1, 2, 3):
            with time_machine.travel(now + hours * HOUR, tick=False):
                [made[hours]] = _of_one_second(members, operator, 24 * HOUR)

        def lies_there(hours):
            server.pages["/federation.xml"] = made[hours]
            return source()

        with time_machine.travel(now + 4 * HOUR, tick=False):
            for hours in (1, 3):
                _, known = taken(lies_there(hours), known)
        with time_machine.travel(now + 2 * HOUR, tick=False):
            assert "(metadata-older)" in lies_there(1).fetch(known, None).failure
            assert lies_there(2).fetch(known, None).failure == ""

    def test_is_another_choice_where_others_are_wanted(self, source, taken):
        _, known = taken(source())
        hubs = source(filters=MemberFilters(role="hub"))
        chosen = hubs.fetch(known, None)
        assert chosen.is_new
        known = chosen.accepted_after(known, known.copy)
        assert known.recent == ()
        assert not hubs.fetch(known, None).is_new

    def test_has_a_bound(self, source, taken):
        fetched, _ = taken(source())
        before = AcceptedCopy(sha256="x", recent=tuple(map(str, range(1000))))
        recent = fetched.accepted_after(before).recent
        assert len(recent) == 500
        assert recent[:2] == ("x", "0")


def _without_instant(octets, operator):
    root = safe_xml.parse(octets)
    root.remove(root.find(safe_xml.q("md:Extensions")))
    return _signed(safe_xml.serialize(root), operator)


def _of_one_second(members, operator, *lasting):
    with time_machine.travel(clock.now(), tick=False):
        return [
            write_federation(
                members, name="", valid_until=clock.now() + seconds, key=operator
            )
            for seconds in lasting or (HOUR, HOUR)
        ]


class TestAFile:
    @pytest.fixture
    def file(self, tmp_path, octets, operator):
        path = tmp_path / "federation.xml"
        path.write_bytes(octets)
        return MetadataFile(path, [operator.public])

    @pytest.fixture
    def old(self, members, operator):
        """The same, made an hour ago."""
        with time_machine.travel(clock.now() - HOUR):
            return _of_one_second(members, operator, 3 * HOUR)[0]

    def test_is_judged_as_what_is_fetched_is(self, file, old, octets):
        known = file.fetch(None, None).accepted_after(None)
        assert not file.fetch(known, None).is_new
        file.path.write_bytes(old)
        told = (
            r"federation\.xml: .*made at .*expected none older.*ask the operator to"
            r" sign it again"
        )
        with pytest.raises(MetadataOlder, match=told):
            file.fetch(known, None)
        file.path.write_bytes(octets)
        assert not file.fetch(known, None).is_new

    @given(st.data())
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def test_that_was_replaced_never_comes_back(self, file, versions, data):
        """Whatever comes in which order, of the same second or of none."""
        known, there, replaced = None, None, set()
        few = data.draw(
            st.lists(st.sampled_from(versions), min_size=2, max_size=3, unique=True)
        )
        for which in data.draw(st.lists(st.sampled_from(few), min_size=3, max_size=6)):
            file.path.write_bytes(which)
            try:
                known = file.fetch(known, None).accepted_after(known)
            except MetadataOlder:
                continue
            assert which not in replaced
            replaced |= {there} - {which}
            there = which

    @pytest.fixture
    def versions(self, members, operator):
        """Made at two times and at none, each valid for as long as two of them."""
        found = []
        for ago in (2 * HOUR, HOUR):
            with time_machine.travel(clock.now() - ago, tick=False):
                found += _of_one_second(members[1:], operator, 4 * HOUR, 8 * HOUR)
        return [*found, *(_without_instant(one, operator) for one in found)]

    def test_that_nobody_signs_is_as_old_as_who_writes_it_wants(self, file, old):
        file = replace(file, keys=None)
        known = file.fetch(None, None).accepted_after(None)
        file.path.write_bytes(old)
        assert file.fetch(known, None).is_new

    def test_that_is_too_long_is_not_read(self, file):
        told = r"federation\.xml: is larger than 1000 bytes; expected .*'longest='"
        with pytest.raises(MetadataUnusable, match=told):
            replace(file, longest=1000).load(None)

    def test_may_say_itself_for_how_long_it_may_be_valid(self, file):
        with pytest.raises(MetadataLifetime):
            replace(file, validity=HOUR / 2).load(None)
        assert names(replace(file, validity=2 * HOUR), HOUR / 2) == [HUB, UWV]
        assert names(replace(file, validity=math.inf), HOUR / 2) == [HUB, UWV]

    def test_is_known_by_its_whole_path(self, file, monkeypatch):
        monkeypatch.chdir(file.path.parent)
        assert replace(file, path=Path("federation.xml")).address == str(file.path)


class Kept:
    """A source, of which is kept what its owner keeps."""

    only = ""

    def __init__(self, source, copy, known):
        self.source, self.copy, self.known = source, copy, known

    def load(self, longest):
        return self.fetch(None, longest).metadata

    def fetch(self, _, longest):
        fetched = self.source.fetch(self.known[0], longest)
        if not fetched.failure:
            self.copy.write_bytes(fetched.octets)
            self.known[0] = fetched.accepted_after(self.known[0], self.copy)
        return fetched


class TestACopy:
    @pytest.fixture
    def kept(self, source, tmp_path):
        folder = tmp_path / "copies"
        folder.mkdir()
        known = [None]
        return lambda **how: Kept(source(**how), folder / "copy.xml", known)

    def file(self, tmp_path):
        (file,) = (tmp_path / "copies").iterdir()
        return file

    def test_stands_in_for_a_source_that_is_down(self, kept, server):
        kept().load(None)
        server.close()
        federation = Membership.from_files([kept()])
        assert [e.entity_id for e in federation.entities] == [HUB, UWV]
        (told,) = federation.copies
        assert "refuses connections" in told
        assert told.endswith("(metadata-unavailable)")

    def test_is_what_came_last(self, kept, server, members, operator, tmp_path):
        kept().load(None)
        server.pages["/federation.xml"] = newer = write_federation(
            members[:1], name="", valid_until=clock.now() + HOUR, key=operator
        )
        kept().load(None)
        assert self.file(tmp_path).read_bytes() == newer

    def test_stands_in_for_what_nobody_signed(self, kept, server, octets, tmp_path):
        kept().load(None)
        server.pages["/federation.xml"] = octets.replace(b"hub.test", b"bad.test")
        metadata = kept().load(None)
        assert [e.entity_id for e in metadata.entities] == [HUB, UWV]
        assert "(metadata-untrusted)" in metadata.instead_of
        assert self.file(tmp_path).read_bytes() == octets, "kept, not overwritten"

    # --- what is older ---

    NEW, OLD = "2026-11-24T09:00:00Z", "2026-11-20T09:00:00Z"

    @pytest.fixture
    def made(self, members, operator):
        """Metadata of a time, or of none: the older, the more members it has."""

        def made(instant, days=30):
            with time_machine.travel(instant or self.NEW, tick=False):
                octets = write_federation(
                    members if instant == self.OLD else members[1:],
                    name="",
                    valid_until=clock.now() + days * 24 * HOUR,
                    key=operator,
                )
            if instant:
                return octets
            root = safe_xml.parse(octets)
            root.remove(root.find(safe_xml.q("md:Extensions")))
            return _signed(safe_xml.serialize(root), operator)

        with time_machine.travel(self.NEW):
            yield made

    @pytest.fixture
    def gives(self, kept, server):
        def gives(octets, **changes):
            server.pages["/federation.xml"] = octets
            return kept(**changes).load(None)

        return gives

    @pytest.mark.parametrize("which", [OLD, None])
    def test_stands_in_for_what_is_older(self, gives, made, tmp_path, which):
        """Somebody brings back a hub whose key was lost."""
        new = made(self.NEW)
        gives(new)
        found = gives(made(which))
        assert [e.entity_id for e in found.entities] == [UWV]
        when = f"made at {which}" if which else "without a time"
        assert re.fullmatch(
            rf"http://localhost:\d+/federation\.xml: found metadata {when}; expected"
            rf" none older than our copy, made at {self.NEW}\. Ask the operator"
            rf" .*; if the older one is right, remove {self.file(tmp_path)}"
            r" \(metadata-older\)",
            found.instead_of,
        )
        assert self.file(tmp_path).read_bytes() == new, "kept, not overwritten"

    def test_that_is_over_lets_nothing_older_in(self, gives, made):
        gives(made(self.NEW, days=1))
        with time_machine.travel("2026-11-26T09:00:00Z"):
            told = (
                r"made at 2026-11-20.*; .* the previous copy either: .* expired at"
                r" 2026-11-25"
            )
            with pytest.raises(MetadataOlder, match=told):
                gives(made(self.OLD))

    def test_that_was_removed_lets_older_in(self, gives, made, tmp_path):
        gives(made(self.NEW))
        self.file(tmp_path).unlink()
        assert gives(made(self.OLD)).instead_of == ""

    @pytest.mark.parametrize(
        ("first", "then"),
        [(OLD, NEW), (NEW, NEW), (None, NEW), (None, OLD), (None, None)],
    )
    def test_goes_for_what_is_not_older(self, gives, made, tmp_path, first, then):
        gives(made(first))
        # Signed anew: other octets, though of the same instant.
        second = made(then, days=40)
        assert gives(second).instead_of == ""
        assert self.file(tmp_path).read_bytes() == second

    # --- what is of a time to come ---

    LATER = "2999-01-01T00:00:00Z"

    @pytest.mark.parametrize("which", [LATER, "2026-11-24T09:03:00Z"])
    def test_stands_in_for_what_is_of_a_time_to_come(
        self, gives, made, tmp_path, which
    ):
        """One slip of the operator's clock would stop all that is newer, for good."""
        gives(now := made(self.NEW))
        found = gives(made(which))
        told = (
            rf"metadata with the time {which}, and the time here is"
            rf" 2026-11-24T09:0.*Z;"
        )
        assert re.search(told, found.instead_of)
        assert found.instead_of.endswith("with the right time (metadata-unusable)")
        assert self.file(tmp_path).read_bytes() == now
        assert gives(newer := made("2026-11-24T09:00:30Z")).instead_of == ""
        assert self.file(tmp_path).read_bytes() == newer

    def test_that_is_not_there_cannot_stand_in_for_that(self, gives, made, tmp_path):
        with pytest.raises(MetadataUnusable, match="expected no time in the future"):
            gives(made(self.LATER))
        assert list((tmp_path / "copies").iterdir()) == []

    def test_that_is_of_a_time_to_come_is_no_measure(self, gives, made, tmp_path):
        with time_machine.travel(self.LATER):
            gives(made(self.LATER))
        now = made(self.NEW)
        assert gives(now).instead_of == ""
        assert self.file(tmp_path).read_bytes() == now

    # --- what cannot be used ---

    def test_that_was_changed_is_refused(self, kept, server, tmp_path):
        kept().load(None)
        file = self.file(tmp_path)
        file.write_bytes(file.read_bytes().replace(b"hub.test", b"bad.test"))
        server.close()
        told = (
            r"refuses connections.*eilogin cannot use the previous copy either:"
            r" .*copies"
        )
        with pytest.raises(MetadataUnavailable, match=told):
            kept().load(None)

    def test_of_another_signer_is_refused(self, kept, server, key):
        kept().load(None)
        server.close()
        with pytest.raises(
            MetadataUnavailable, match=("eilogin cannot use the previous copy either")
        ):
            kept(keys=[key.public]).load(None)

    def test_that_has_expired_is_refused(self, kept, server):
        kept().load(None)
        server.close()
        later = clock.now() + HOUR + SKEW + 1
        with time_machine.travel(later):
            told = r"refuses connections.*the previous copy either: .* expired at"
            with pytest.raises(MetadataUnavailable, match=told):
                kept().load(None)

    def test_that_cannot_be_read_is_told(self, kept, server, tmp_path):
        kept().load(None)
        self.file(tmp_path).unlink()
        (tmp_path / "copies" / "copy.xml").mkdir()
        server.close()
        with pytest.raises(
            MetadataUnavailable, match=(r"the previous copy either: .*director")
        ):
            kept().load(None)

    def test_that_is_not_there_changes_nothing(self, kept, server):
        server.close()
        with pytest.raises(MetadataUnavailable, match="refuses connections") as caught:
            kept().load(None)
        assert "copy" not in str(caught.value)


class TestAResponder:
    @pytest.fixture
    def ask(self, server, operator):
        def ask(entity_id=HUB):
            base, keys = server.url("/mdq/"), [operator.public]
            return MetadataURL.of_entity(
                base, entity_id, keys, MetadataClient(timeout=2.0)
            )

        return ask

    def test_is_asked_for_the_party_by_its_name(self, ask, server, members, operator):
        server.pages[HUB_ASKED] = write_entity(members[0], operator)
        assert names(ask()) == [HUB]
        assert server.asked == [(HUB_ASKED, "application/samlmetadata+xml")]

    def test_that_does_not_know_it_is_named(self, ask):
        told = r"/mdq/entities/https%3A%2F%2Fhub\.test%2Fmetadata.*with status 404"
        with pytest.raises(MetadataUnavailable, match=told):
            ask().load(None)

    def test_that_gives_another_party_is_refused(self, ask, server, members, operator):
        server.pages[HUB_ASKED] = write_entity(members[1], operator)
        told = f"expected the metadata of '{HUB}' alone"
        with pytest.raises(MetadataUnusable, match=told):
            ask().load(None)

    def test_that_gives_more_than_was_asked_is_refused(self, ask, server, octets):
        server.pages[HUB_ASKED] = octets
        with pytest.raises(MetadataUnusable, match="alone"):
            ask().load(None)

    def test_that_signs_nothing_is_refused(self, ask, server, members):
        server.pages[HUB_ASKED] = write_entity(members[0])
        with pytest.raises(MetadataUntrusted):
            ask().load(None)

    def test_is_asked_for_whom_another_source_has_of_no_use(
        self, ask, source, server, members, operator
    ):
        server.pages[HUB_ASKED] = write_entity(members[0], operator)
        bad = replace(members[0].identity_provider, signing_certificates=())
        server.pages["/federation.xml"] = write_federation(
            [replace(members[0], identity_provider=bad), members[1]],
            name="",
            valid_until=clock.now() + HOUR,
            key=operator,
        )
        found = Membership.from_files([source(), ask(HUB)])
        assert found.entity(HUB).identity_provider
        assert found.left_out == {}

    def test_is_not_asked_for_whom_another_source_has(self, ask, source, server):
        found = Membership.from_files([source(), ask()])
        assert found.entity(HUB)
        assert [path for path, _ in server.asked] == ["/federation.xml"]


# --- what stands between us and a source --------------------------------------------


def tls_pair(folder):
    """A server's certificate that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.utc(clock.now() - HOUR))
        .not_valid_after(clock.utc(clock.now() + HOUR))
        .add_extension(
            x509.SubjectAlternativeName(
                [*map(x509.DNSName, ("localhost", "mdq.example"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem, file = serialization.Encoding.PEM, folder / "tls.crt"
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.key").write_bytes(private)
    file.write_bytes(certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, folder / "tls.key")
    return file, context


def test_https_is_by_the_authorities_that_are_named(start, octets, operator, tmp_path):
    ca_file, context = tls_pair(tmp_path)
    server = start(context)
    server.pages["/federation.xml"] = octets
    keys = [operator.public]
    assert names(MetadataURL(server.url(), keys, MetadataClient(ca_file))) == [HUB, UWV]
    with pytest.raises(MetadataUnavailable, match="certificate"):
        MetadataURL(server.url(), keys, MetadataClient()).load(None)


def test_a_source_that_wants_our_certificate_gets_it(site, start, tmp_path):
    certificate, context = tls_pair(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate)
    server = start(context)
    server.pages.update(site.server.pages)
    said = {"federation": server.url(), "back_channel_ca": str(certificate)}
    with pytest.raises(MetadataUnavailable):
        trust_of(site(**said))
    said["tls_client_certificate"] = str(certificate)
    said["tls_client_key"] = f"{tmp_path}/tls.key"
    assert trust_of(site(**said)).hub_ids == (IN,)


@pytest.fixture
def elsewhere(monkeypatch):
    """The same server under the name of another machine."""

    def elsewhere(url):
        port = urlsplit(url).port
        found = socket.getaddrinfo("127.0.0.1", port)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        return url.replace("localhost", "mdq.example")

    return elsewhere


def test_a_redirect_from_elsewhere_to_this_machine_is_refused(
    start, octets, operator, tmp_path, elsewhere
):
    ca_file, context = tls_pair(tmp_path)
    server = start(context)
    here = MetadataURL(server.url("/old"), [operator.public], MetadataClient(ca_file))
    there = replace(here, url=elsewhere(here.url))
    for inside in (start(), start(context)):
        inside.pages["/federation.xml"] = octets
        server.pages["/old"] = redirect(inside.url())
        assert names(here) == [HUB, UWV], "on one machine all may be as it likes"
        told = rf"mdq\.example.*on this machine \(loopback\).*'{inside.scheme}://local"
        with pytest.raises(MetadataUnavailable, match=told):
            there.load(None)
        assert len(inside.asked) == 1


def test_a_redirect_to_another_host_does_not_take_our_certificate_along(
    start, octets, operator, tmp_path, elsewhere
):
    certificate, context = tls_pair(tmp_path)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(certificate)
    server, shown = start(context), []

    def page(handler):
        shown.append(bool(handler.connection.getpeercert()))
        handler.answer(200, {}, octets)

    server.pages["/federation.xml"] = page
    pair = ClientCertificate(certificate, tmp_path / "tls.key")
    web = MetadataClient(certificate, client_certificate=pair)
    source = MetadataURL(server.url("/old"), [operator.public], web)
    for url in (server.url(), elsewhere(server.url())):
        server.pages["/old"] = redirect(url)
        assert names(source) == [HUB, UWV]
    assert shown == [True, False]


def test_a_source_elsewhere_is_asked_through_the_proxy(start, operator):
    proxy = start()
    web = MetadataClient(proxy=proxy.url("/"), timeout=2.0)
    source = MetadataURL("https://mdq.example/all.xml", [operator.public], web)
    with pytest.raises(MetadataUnavailable, match=r"https://mdq\.example/all\.xml"):
        source.load(None)
    assert proxy.asked == [("mdq.example:443", "")]


# --- by the options of a site -------------------------------------------------------


@pytest.fixture
def site(eilogin_federation, start):
    """A participant, with the federation's metadata at an address."""
    federation = eilogin_federation({"uwv.test": lambda *_: []})
    server, folder = start(), federation.folder
    server.pages["/federation.xml"] = (folder / "federation.xml").read_bytes()
    hub = federation.trusts["uwv.test"].federation.entity(
        "https://inloggen.test/metadata"
    )
    asked = "/mdq/entities/https%3A%2F%2Finloggen.test%2Fmetadata"
    server.pages[asked] = write_entity(hub, federation.key)

    def options(**said):
        common = {
            "public_url": "https://uwv.test",
            "key": f"{folder}/uwv.test.key",
            "certificate": f"{folder}/uwv.test.crt",
            "federation": server.url(),
            "federation_certificate": f"{folder}/federation.crt",
        }
        chosen = {k: v for k, v in {**common, **said}.items() if v is not None}
        return read(TrustOptions, {}, chosen)

    options.server, options.folder, options.operator = server, folder, federation.key
    return options


IN = "https://inloggen.test/metadata"


class TestASite:
    def test_starts_by_what_it_fetches(self, site):
        assert (
            trust_of(site()).hub(IN).single_sign_ons[0].location
            == "https://inloggen.test/sso"
        )

    def test_may_have_a_certificate_behind_the_address(self, site):
        line = f"{site.server.url()}   {site.folder}/federation.crt"
        options = site(federation=line, federation_certificate=None)
        assert trust_of(options).hub_ids == (IN,)
        other = f"{site.server.url()} {site.folder}/uwv.test.crt"
        with pytest.raises(MetadataUntrusted):
            trust_of(site(federation=other))

    def test_may_have_several_certificates_for_a_rollover(self, site):
        """Its operator signs with the new key one day, and nobody is told which."""
        certificates = f"{site.folder}/uwv.test.crt\n{site.folder}/federation.crt"
        options = site(federation_certificate=certificates)
        assert trust_of(options).hub_ids == (IN,)
        line = f"{site.server.url()} {certificates.replace(chr(10), ' ')}"
        options = site(federation=line, federation_certificate=None)
        assert trust_of(options).hub_ids == (IN,)

    def test_is_told_which_certificate_cannot_be_used(self, site):
        bad = site.folder / "bad.crt"
        bad.write_text("no certificate")
        options = site(federation=f"{site.server.url()} {bad}")
        with pytest.raises(ConfigurationError, match=r"bad\.crt: not a certificate"):
            trust_of(options)
        bad.unlink()
        with pytest.raises(ConfigurationError, match=r"bad\.crt: No such file"):
            trust_of(options)

    def test_takes_whom_it_wants_of_a_source(self, site):
        found = trust_of(site(federation=f"{site.server.url()} role=hub")).federation
        assert [e.entity_id for e in found.entities] == [IN]
        assert "1 of 2 members skipped" in found.remarks[0]

    def test_gets_no_hub_of_whose_participants_it_takes(self, site, tmp_path, make_own):
        certificate = site.folder / "uwv.test.crt"
        key = certificate.with_suffix(".key")
        partner = SigningKey.load(key.read_bytes(), certificate.read_bytes())
        other = make_own("hub", entity_id=HUB, public_url="https://hub.test")
        file = tmp_path / "partner.xml"
        file.write_bytes(write_entity(other.descriptor(), partner))
        lines = f"{site.server.url()} role=hub\n{file} {certificate}"
        assert trust_of(site(federation=lines, hub="all")).hub_ids == (IN, HUB)
        trust = trust_of(site(federation=f"{lines} role=participant", hub="all"))
        assert trust.hub_ids == (IN,)

    def test_that_passes_its_hub_over_is_told_so(self, site):
        line = f"{site.server.url()} role=participant"
        told = r"has no hub .*: 1 of 2 members skipped, as its line of 'federation'"
        with pytest.raises(HubUnknown, match=told):
            trust_of(site(federation=line))
        with pytest.raises(HubUnknown, match=r"not a hub of this.*\(hubs: none\);.*sk"):
            trust_of(
                site(federation=f"{line}", hub="https://uwv.test/eilogin/metadata")
            )
        with pytest.raises(HubUnknown, match=r"not a member.*1 of 2 members skipped"):
            trust_of(site(federation=line, hub=IN))

    def test_takes_a_member_of_one_of_two_sources(self, site):
        one, other = f"{site.folder}/federation.xml", site.server.url()
        told = (
            rf"federation\.xml: '\S+' is in another file of 'federation' too,"
            rf" {site.folder}/federation\.xml; remove one of them, or add"
        )
        with pytest.raises(MetadataUnusable, match=told):
            trust_of(site(federation=f"{one}\n{other}"))
        lines = f"{one} role=participant\n{other} include={IN}"
        found = trust_of(site(federation=lines)).federation
        assert {e.entity_id for e in found.entities} > {IN}
        assert len(found.entities) == 2

    def test_without_a_folder_says_that_it_is_asked_once(self, site, caplog, tmp_path):
        with caplog.at_level(logging.WARNING, "eilogin"):
            trust_of(site())
        (told,) = [text for text in caplog.messages if "(metadata-read-once)" in text]
        assert (
            f"federation: eilogin fetches {site.server.url()} only at the start"
        ) in told
        caplog.clear()
        trust_of(site(federation_folder=str(tmp_path)))
        assert "metadata-read-once" not in caplog.text

    @pytest.mark.parametrize(
        ("days", "says"),
        [
            (None, "the federation's metadata has no validUntil, "),
            (400, "the federation's metadata is valid until 20"),
            (300, ""),
        ],
    )
    def test_that_is_good_for_years_is_noted(self, site, caplog, days, says):
        root = safe_xml.parse(
            (site.folder / "federation.xml").read_bytes(), safe_xml.METADATA
        )
        root.remove(root.find(safe_xml.q("ds:Signature")))
        del root.attrib["validUntil"]
        if days is not None:
            ends = clock.now() + days * 86_400
            root.set("validUntil", messages.write_instant(int(ends)))
        xml_signatures.sign(root, site.operator)
        site.server.pages["/federation.xml"] = safe_xml.serialize(root)
        with caplog.at_level(logging.WARNING, "eilogin"):
            trust_of(site())
        found = [one for one in caplog.messages if "(metadata-long-lived)" in one]
        assert len(found) == bool(says)
        assert all(f"federation: {says}" in one for one in found)

    def test_may_believe_one_file_unsigned(self, site, caplog):
        root = safe_xml.parse(
            (site.folder / "federation.xml").read_bytes(), safe_xml.METADATA
        )
        root.remove(root.find(safe_xml.q("ds:Signature")))
        file = site.folder / "unsigned.xml"
        file.write_bytes(safe_xml.serialize(root))
        lines = f"{site.server.url()} role=hub\n{file} role=participant"
        with pytest.raises(MetadataUntrusted):
            trust_of(site(federation=lines))
        with caplog.at_level(logging.WARNING, "eilogin"):
            trust = trust_of(site(federation=f"{lines} unsigned=true"))
        assert len(trust.federation.entities) == 2
        assert f"federation: {file}: eilogin verifies no signature" in caplog.text
        line = f"{file} unsigned=true"
        options = site(federation=line, federation_certificate=None)
        assert trust_of(options).hub_ids == (IN,)

    def test_takes_the_files_of_a_folder(self, site, tmp_path):
        octets = (site.folder / "federation.xml").read_bytes()
        (tmp_path / "b.xml").write_bytes(octets)
        options = site(federation=str(tmp_path))
        assert trust_of(options).hub_ids == (IN,)
        # What editors and others leave there is none of it.
        for name in (".#b.xml", ".b.xml.swp", "b.xml~", "#b.xml#", "~$b.xml", "b.bak"):
            (tmp_path / name).write_bytes(b"<")
        (tmp_path / "old.xml").mkdir()
        os.mkfifo(tmp_path / "pipe.xml")
        assert trust_of(options).hub_ids == (IN,)
        (tmp_path / "a.xml").write_bytes(octets[:-1])
        with pytest.raises(MetadataUnusable, match=rf"^{tmp_path}/a\.xml: "):
            trust_of(options)
        (tmp_path / "a.xml").unlink()
        (tmp_path / "a.xml").symlink_to(tmp_path / "gone.xml")
        with pytest.raises(MetadataUnusable, match=r"/a\.xml: No such file"):
            trust_of(options)
        (tmp_path / "a.xml").unlink()
        (tmp_path / "a.xml").write_bytes(octets)
        with pytest.raises(MetadataUnusable, match=r"/b\.xml: .*too, \S+/a\.xml;"):
            trust_of(options)

    def test_is_told_of_a_folder_with_nothing_in_it(self, site, tmp_path):
        folder = tmp_path / "members"
        folder.mkdir()
        options = site(federation=str(folder))
        with pytest.raises(MetadataUnusable, match=r"members: found no file '\*\.xml'"):
            trust_of(options)
        folder.rmdir()
        with pytest.raises(MetadataUnusable, match=r"members: No such file"):
            trust_of(options)
        with pytest.raises(MetadataUnusable, match=r"members: No such file"):
            files_in(folder)

    def test_may_say_of_a_line_how_it_is_fetched(self, site, start, tmp_path):
        ca_file, context = tls_pair(tmp_path)
        server = start(context)
        server.pages.update(site.server.pages)
        line = f"{server.url()} ca={ca_file}"
        assert trust_of(site(federation=line)).hub_ids == (IN,)
        with pytest.raises(MetadataUnavailable, match="more than 1024 bytes"):
            trust_of(site(federation=f"{line} longest=1k"))
        with pytest.raises(MetadataLifetime, match=r"by 20\S+ at the latest"):
            trust_of(site(federation=f"{line} validity=1d", federation_validity="off"))
        server.pages["/federation.xml"] = never
        with pytest.raises(MetadataUnavailable, match="did not answer within 1 s"):
            trust_of(site(federation=f"{line} timeout=1s"))
        other = tls_pair(site.folder)[0]
        with pytest.raises(MetadataUnavailable, match=r"in 'ca=' of 'federation'"):
            trust_of(site(federation=f"{server.url()} ca={other}"))
        with pytest.raises(ConfigurationError, match=r"^'ca=' of 'federation': found"):
            trust_of(site(federation=f"{line.split(maxsplit=1)[0]} ca={__file__}"))

    def test_may_say_of_a_line_by_which_proxy_it_is_fetched(self, site, start):
        proxy, usual = start(), start()
        said = {"back_channel_proxy": usual.url("/")}
        line = "https://mdq.example/all.xml timeout=2s"
        told = r"is behind 'proxy=' of 'federation' \("
        with pytest.raises(MetadataUnavailable, match=told):
            trust_of(site(federation=f"{line} proxy={proxy.url('/')}", **said))
        assert proxy.asked == [("mdq.example:443", "")]
        with pytest.raises(MetadataUnavailable):
            trust_of(site(federation=f"{line} proxy=off", **said))
        assert usual.asked == []
        with pytest.raises(
            ConfigurationError, match=r"'proxy=' of 'federation': .*use"
        ):
            trust_of(site(federation=f"{line} proxy=http://anna@proxy.example"))

    def test_that_plays_digid_believes_nothing_unsigned(self, site):
        line = f"{site.folder}/federation.xml unsigned=true"
        with pytest.raises(InvalidOptions, match=r"no 'unsigned=true' behind .*DigiD"):
            site(federation=line, role="hub", profile="digid")

    def test_asks_a_responder_for_its_hub(self, site):
        base = site.server.url("/mdq")
        trust = trust_of(site(federation=f"mdq:{base}", hub=IN))
        assert trust.hub_ids == (IN,)
        with pytest.raises(UnknownPeer):
            trust.federation.entity(UWV)

    def test_asks_a_responder_last(self, site):
        lines = f"mdq:{site.server.url('/mdq')}\n{site.server.url()}"
        trust_of(site(federation=lines, hub=IN))
        assert [path for path, _ in site.server.asked] == ["/federation.xml"]

    def test_does_not_start_without_any(self, site):
        options = site()
        site.server.close()
        with pytest.raises(ConfigurationError, match=r"federation\.xml refuses"):
            trust_of(options)

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            ({"federation": "http://example.nl/x.xml"}, "an https address"),
            ({"federation": "https://"}, "an address such as"),
            ({"federation": "mdq:https://example.nl/?x=1"}, "without a query behind"),
            ({"federation": "https://example.nl/ gone.crt"}, "an existing file"),
            ({"federation": "mdq:https://a.nl/\nmdq:https://b.nl/"}, "at most one"),
            ({"federation": "mdq:https://a.nl/"}, "hub: is required .*'mdq:https"),
            ({"federation": "mdq:https://a.nl/", "hub": "all"}, "is required .*'mdq:"),
            ({"federation": "mdq:https://a.nl/", "role": "hub"}, "no .* on a hub"),
            ({"federation_folder": "/gone/folder"}, "an existing folder"),
        ],
    )
    def test_is_told_what_cannot_be(self, site, said, told):
        with pytest.raises(InvalidOptions, match=told):
            site(**said)

    def test_believes_nothing_unsigned_that_is_fetched(self, site):
        unsigned = {"federation_certificate": None, "federation_unsigned": "true"}
        with pytest.raises(InvalidOptions, match="metadata from a URL must be signed"):
            site(**unsigned)
        line = f"{site.server.url()} {site.folder}/federation.crt"
        assert trust_of(site(federation=line, **unsigned)).hub_ids == (IN,)


class TestPeersOnThisMachine:
    """A hub whose artifacts are resolved by what listens here."""

    HERE = "http://127.0.0.1:8500/v1/agent/leave"

    @pytest.fixture
    def site(self, site):
        root = safe_xml.parse(site.server.pages["/federation.xml"], safe_xml.METADATA)
        root.remove(root.find(safe_xml.q("ds:Signature")))
        (resolver,) = root.iter(safe_xml.q("md:ArtifactResolutionService"))
        resolver.set("Location", self.HERE)
        xml_signatures.sign(root, site.operator)
        site.server.pages["/federation.xml"] = octets = safe_xml.serialize(root)
        (site.folder / "here.xml").write_bytes(octets)
        return site

    @pytest.mark.parametrize("is_fetched", [True, False])
    def test_are_left_out_where_we_are_not_on_it(self, site, is_fetched):
        line = site.server.url() if is_fetched else f"{site.folder}/here.xml"
        told = (
            rf"no usable hub: entity '{IN}': its \w+ by [\w-]+: the address"
            rf" is on .*'{self.HERE}'"
        )
        with pytest.raises(PeerUnusable, match=told):
            trust_of(site(federation=line))

    @pytest.mark.parametrize("is_fetched", [True, False])
    @pytest.mark.parametrize(
        "own",
        [
            {"public_url": "http://uwv.localhost:6543"},
            {"back_channel_url": "http://127.0.0.1:6544"},
        ],
    )
    def test_are_taken_where_we_are_on_it_too(self, site, is_fetched, own):
        line = site.server.url() if is_fetched else f"{site.folder}/here.xml"
        trust = trust_of(site(federation=line, **own))
        (resolver,) = trust.hub(IN).artifact_resolutions
        assert resolver.location == self.HERE


def test_a_name_that_nobody_has_is_no_answer(operator):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://localhost:{free.getsockname()[1]}/"
        with pytest.raises(MetadataUnavailable, match="refuses connections"):
            MetadataURL(url, [operator.public], MetadataClient(timeout=1.0)).load(None)


def test_skipped_entity_is_also_skipped_among_packed_members(members):
    packed = Members([Packed.of(one) for one in members])
    left = members_except(packed, {HUB})
    assert isinstance(left, Members)
    assert [*left] == [*members_except(members, {HUB})] == [members[1]]
