"""Forged metadata, at the start of a site: by file, and by address over HTTP (G19).

Nothing of it is trusted. By file the start is stopped, with a message that names the
file, what was found and what was expected; by address the last good copy stands in, and
who is trusted is the same as before.
"""

import logging
import threading
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from arena import HUB, SVB, UWV
from click.testing import CliRunner
from forging import ROOT, Message
from forging.documents import DOCUMENTS
from forging.federations import (
    EXPIRED,
    MEMBERS,
    NO_HUB,
    OVER,
    WHOLE,
    Federated,
    Member,
    created,
    entities,
)
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES
from forging.trying import by_kind, by_name, is_even
from lxml import etree

from eilogin import clock
from eilogin.cli import main
from eilogin.errors import ConfigurationError, MetadataOlder, UnknownPeer
from eilogin.federation.refreshing import folder_of, refresh
from eilogin.federation.start import trust_of
from eilogin.federation.trust_options import TrustOptions
from eilogin.saml import signatures, xml
from eilogin.saml.keys import new_key_pair
from eilogin.saml.messages import write_instant
from eilogin.settings import read

ATTACKER = "https://attacker.test/metadata"


class Site:
    """Options of a member of the arena's federation, whose metadata a test writes."""

    def __init__(self, arena, folder, host):
        self.arena, self.folder, self.host = arena, folder, host
        self.file = folder / "forged.xml"
        made = arena.folder
        self.told = Federated(
            octets=(made / "federation.xml").read_bytes(),
            operator=arena.federation.key,
            stranger=arena.stranger,
        )
        self.options = {
            "public_url": arena.url(host, ""),
            "key": str(made / f"{host}.key"),
            "certificate": str(made / f"{host}.crt"),
            "federation_certificate": str(made / "federation.crt"),
            "federation_validity": "500d",
        }
        if host == HUB:
            self.options["role"] = "hub"

    def trust(self, octets=None, **said):
        """What the site trusts when it starts with this file."""
        if octets is not None:
            self.file.write_bytes(octets)
        options = {"federation": str(self.file), **self.options, **said}
        return trust_of(read(TrustOptions, {}, options))

    def stops(self, octets):
        """The error that stops the start, which somebody can do something with."""
        with pytest.raises(ConfigurationError) as raised:
            self.trust(octets)
        error = raised.value
        assert str(self.file) in str(error) or "federation" in str(error)
        assert len(str(error)) < 2_000
        assert "\n" not in str(error)
        return error

    def member(self, root, host):
        """A member in a tree, by its host."""
        known = entities(root)
        (entity,) = [one for one in known if f"//{host}" in one.get("entityID")]
        name = "md:IDPSSODescriptor" if host == HUB else "md:SPSSODescriptor"
        others = [one for one in known if one is not entity]
        return Member(entity, entity.find(xml.q(name)), others)

    def forged(self, forgery, host):
        """The octets in which one member is changed, and its entityID then."""
        root = self.told.root()
        member = self.member(root, host)
        getattr(forgery, "make", forgery)(member)
        return self.told.signed(root), member.entity.get("entityID")


@pytest.fixture(scope="module")
def uwv(arena, tmp_path_factory):
    """A participant, as it starts."""
    return Site(arena, tmp_path_factory.mktemp("uwv"), UWV)


@pytest.fixture(scope="module")
def hub(arena, tmp_path_factory):
    return Site(arena, tmp_path_factory.mktemp("hub"), HUB)


@pytest.fixture(autouse=True, scope="module")
def others_stay(arena):
    """Who is served already is served as before."""
    with arena.unchanged():
        yield
    arena.others_stay()


# --- by file ------------------------------------------------------------------------


@pytest.mark.parametrize("forgery", [*WHOLE], ids=str)
def test_a_file_that_is_forged_stops_the_start(uwv, forgery):
    error = uwv.stops(forgery.make(uwv.told))
    forgery.expects(error.code)
    assert str(uwv.file) in str(error)
    assert "expected" in str(error) or "ask " in str(error)
    assert uwv.trust(uwv.told.octets).hub_ids


def generic():
    """Those of any message; its sizes are other ones."""
    forgeries = [*SHAPES.of(ROOT), *SIGNATURES.of(ROOT), *DOCUMENTS.of(ROOT)]
    return [one for one in forgeries if one.kind != "size"]


def message_of(site, of_one=None):
    """The metadata of the federation, or of its hub alone, signed by its operator."""
    root = site.told.root()
    if of_one:
        root = site.member(root, of_one).entity
        root = xml.parse_canonical(xml.serialize(root))
        root.set("ID", "_alone")
        root.set("validUntil", write_instant(clock.now() + 3600))
    # Some tricks are done to an Issuer, or to who is named.
    held = created(root, write_instant(clock.now()))[0]
    xml.add(held, "saml:Issuer", "https://federation.test/")
    xml.add(held, "saml:NameID", "federation")
    signatures.sign(root, site.told.operator)

    def evil():
        other = xml.parse_canonical(xml.serialize(root))
        other.remove(other.find(xml.q("ds:Signature")))
        other.set("ID", "_evil")
        entities(other)[-1].set("entityID", ATTACKER)
        return other

    return Message(
        root=root,
        covered=root,
        key=site.told.operator,
        stranger=site.told.stranger,
        member=site.arena.member,
        evil=evil,
        outside=site.arena.outside.url,
    )


@pytest.mark.parametrize("forgeries", by_kind(generic()))
def test_a_signature_that_is_forged_stops_the_start(uwv, forgeries):
    """Of an aggregate, or of the metadata of one party."""
    for forgery in forgeries:
        of_one = HUB if is_even(forgery) else None
        with by_name(forgery):
            error = uwv.stops(forgery.make(message_of(uwv, of_one)))
            assert error.code in ("metadata-unusable", "metadata-untrusted")
            assert ATTACKER not in str(error)
    for of_one in (None, HUB):
        assert uwv.trust(message_of(uwv, of_one).octets).hub_ids


@pytest.mark.parametrize("forgery", [*MEMBERS], ids=str)
def test_a_hub_that_is_forged_stops_the_start(uwv, forgery):
    octets, entity_id = uwv.forged(forgery, HUB)
    error = uwv.stops(octets)
    forgery.expects(error.code)
    if not forgery.name.startswith("md-entityid"):
        assert entity_id in str(error)


@pytest.mark.parametrize("forgery", [*MEMBERS], ids=str)
def test_a_participant_that_is_forged_is_left_out(hub, forgery, caplog):
    octets, entity_id = hub.forged(forgery, SVB)
    with caplog.at_level(logging.WARNING, "eilogin"):
        trust = hub.trust(octets)
    with pytest.raises(UnknownPeer):
        trust.participant(entity_id)
    ours = hub.arena.federation.trusts
    with pytest.raises(UnknownPeer):
        trust.participant(ours[SVB].own.entity_id)
    # The others are as they were.
    uwv = ours[UWV].own.entity_id
    assert trust.participant(uwv) == ours[HUB].participant(uwv)
    left_out = next(iter(trust.federation.left_out.values()))
    forgery.expects(left_out.code)
    assert f"left out ({left_out.code})" in caplog.text
    assert "ask " in str(left_out)


@pytest.mark.parametrize("name", OVER)
def test_a_member_that_is_over_is_not_known(uwv, hub, name):
    octets, entity_id = uwv.forged(OVER[name], HUB)
    assert uwv.stops(octets).code in (EXPIRED, NO_HUB)
    octets, entity_id = hub.forged(OVER[name], SVB)
    trust = hub.trust(octets)
    with pytest.raises(UnknownPeer, match=r"expired|not a service provider"):
        trust.participant(entity_id)


#: Who speaks another protocol is no hub that was lost.
LOST = {forgery.name: forgery.make for forgery in MEMBERS} | {
    name: make for name, make in OVER.items() if "protocol" not in name
}


@pytest.mark.parametrize("name", LOST)
def test_no_other_member_becomes_the_hub_in_its_place(uwv, name):
    """Where ``hub`` names none: one that is a hub too, and signed by the operator."""
    root = uwv.told.root()
    lost, other = uwv.member(root, HUB), uwv.member(root, SVB)
    as_hub = deepcopy(lost.role)
    for element in as_hub.iter():
        if element.get("Location"):
            element.set("Location", element.get("Location").replace(HUB, SVB))
    other.role.addprevious(as_hub)
    LOST[name](lost)
    error = uwv.stops(uwv.told.signed(root))
    assert "more than one hub" in str(error)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x/"])
def test_a_link_that_is_no_address_stands_on_no_page(hub, url):
    """Of a member that is taken all the same."""
    root = hub.told.root()
    member = hub.member(root, SVB)
    made = etree.fromstring(
        f'<md:Extensions xmlns:md="{xml.MD}" xmlns:mdui="{xml.MDUI}"><mdui:UIInfo>'
        f'<mdui:InformationURL xml:lang="nl">{url}</mdui:InformationURL>'
        "</mdui:UIInfo></md:Extensions>"
    )
    for old in member.role.findall(xml.q("md:Extensions")):
        member.role.remove(old)
    member.role.insert(0, made)
    trust = hub.trust(hub.told.signed(root))
    entity_id = hub.arena.federation.trusts[SVB].own.entity_id
    assert trust.participant(entity_id)
    assert trust.federation.link_of(entity_id, "nl") == ""


def test_one_that_is_good_is_taken(uwv, hub):
    assert uwv.trust(uwv.told.octets).hub_ids == hub.trust(hub.told.octets).hub_ids


# --- by a folder, while the key of its operator changes -------------------------------


@pytest.fixture(scope="module")
def changing(uwv, tmp_path_factory):
    """A participant that takes what either of two keys has signed."""
    folder = tmp_path_factory.mktemp("changing")
    site = Site(uwv.arena, folder, UWV)
    (folder / "next.crt").write_bytes(new_key_pair("next")[1])
    now = site.options["federation_certificate"]
    site.options["federation_certificate"] = f"{folder}/next.crt\n{now}"
    return site


@pytest.mark.parametrize(
    "forgery", [f for f in WHOLE if NO_HUB not in f.reasons], ids=str
)
def test_a_file_in_a_folder_that_is_forged_stops_the_start(changing, forgery):
    changing.options["federation"] = str(changing.folder)
    error = changing.stops(forgery.make(changing.told))
    forgery.expects(error.code)
    assert str(changing.file) in str(error)
    assert changing.trust(changing.told.octets).hub_ids


@pytest.mark.parametrize("forgeries", by_kind(generic()))
def test_a_signature_by_none_of_the_keys_stops_the_start(changing, forgeries):
    for forgery in filter(is_even, forgeries):
        with by_name(forgery):
            error = changing.stops(forgery.make(message_of(changing)))
            assert error.code in ("metadata-unusable", "metadata-untrusted")


# --- by address ---------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Answers with what ``octets`` are now."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.octets = b""
        self.thread = threading.Thread(target=self.serve_forever, args=[0.01])
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.octets)))
        self.end_headers()
        self.wfile.write(self.server.octets)

    def log_message(self, *args):
        pass


class Fetching:
    """A site that fetches its metadata while it runs, and has trusted it before."""

    def __init__(self, site, server, folder):
        self.site, self.server = site, server
        now = clock.now()
        self.good = site.told.signed(created(site.told.root(), write_instant(now)))
        self.server.octets = self.good
        url = f"http://localhost:{self.server.server_port}/federation.xml"
        said = {"federation": url, "federation_folder": str(folder)}
        self.site.trust(**said)
        self.options = read(TrustOptions, {}, {**self.site.options, **said})
        self.folder = folder_of(self.options)
        self.trusted = self.folder.active.state.digest
        self.files = self._files()

    def _files(self):
        files = [*self.folder.path.glob("copy-*"), *self.folder.path.glob("index-*")]
        return {path: path.read_bytes() for path in files}

    def keeps(self, octets, caplog):
        """What comes is not believed: who was trusted is so still; why, as the log."""
        caplog.clear()
        self.server.octets = octets
        with caplog.at_level(logging.WARNING, "eilogin"), self.folder.locked(0):
            assert refresh(self.options, self.folder).what == "same"
        assert self.folder.active.state.digest == self.trusted
        assert self.folder.waiting is None
        assert self._files() == self.files
        assert self.good in self.files.values()
        assert "a copy stands in" in caplog.text
        return caplog.text


@pytest.fixture(scope="module")
def fetching(uwv, tmp_path_factory):
    server = Server()
    yield Fetching(uwv, server, tmp_path_factory.mktemp("trust"))
    server.close()


@pytest.mark.parametrize(
    "forgery", [f for f in WHOLE if NO_HUB not in f.reasons], ids=str
)
def test_what_is_fetched_and_forged_changes_nothing(fetching, forgery, caplog):
    told = fetching.keeps(forgery.make(fetching.site.told), caplog)
    assert any(f"({code})" in told for code in forgery.reasons)


@pytest.mark.parametrize("forgeries", by_kind(generic()))
def test_what_is_fetched_with_a_forged_signature_changes_nothing(
    fetching, forgeries, caplog
):
    for forgery in filter(is_even, forgeries):
        with by_name(forgery):
            fetching.keeps(forgery.make(message_of(fetching.site)), caplog)


@pytest.mark.parametrize("seconds", [-1.0, -86_400.0])
def test_what_is_older_than_the_copy_changes_nothing(fetching, seconds, caplog):
    """md-rollback: it was signed by the operator, once."""
    told = fetching.site.told
    root = created(told.root(), write_instant(clock.now() - 3600 + seconds))
    assert f"({MetadataOlder.code})" in fetching.keeps(told.signed(root), caplog)


def test_what_does_not_say_when_it_was_made_changes_nothing(fetching, caplog):
    root = created(fetching.site.told.root(), "")
    root.remove(root.find(xml.q("md:Extensions")))
    octets = fetching.site.told.signed(root)
    assert f"({MetadataOlder.code})" in fetching.keeps(octets, caplog)


def test_what_is_made_in_a_time_to_come_changes_nothing(fetching, caplog):
    told = fetching.site.told
    root = created(told.root(), write_instant(clock.now() + 3600))
    assert "(metadata-unusable)" in fetching.keeps(told.signed(root), caplog)


# --- as a sysadmin sees it ----------------------------------------------------------


INI = """\
[server:main]
use = egg:waitress
[pipeline:main]
pipeline = eilogin app
[filter:eilogin]
use = egg:eilogin
store = memory:
federation = {file}
{options}
[app:app]
use = egg:eilogin#wsgi
app = wsgiref.simple_server:demo_app
"""


def check(site, octets):
    site.file.write_bytes(octets)
    options = "\n".join(f"{name} = {value}" for name, value in site.options.items())
    ini = site.folder / "paste.ini"
    ini.write_text(INI.format(file=site.file, options=options))
    return CliRunner().invoke(main, ["check", str(ini)])


@pytest.mark.parametrize(
    "name",
    [
        "md-expired",
        "md-validuntil-garbage",
        "md-duplicate-entityid",
        "md-other-operator",
        "md-is-html",
        "md-no-hub",
        "md-nobody",
    ],
)
def test_eilogin_check_names_the_file_and_what_is_wrong(uwv, name):
    (forgery,) = [one for one in WHOLE if one.name == name]
    result = check(uwv, forgery.make(uwv.told))
    assert result.exit_code == 1, result.output
    assert "forged.xml" in result.output
    assert "Traceback" not in result.output
    assert check(uwv, uwv.told.octets).exit_code == 0, "the good one passes"


@pytest.mark.parametrize("forgery", [*MEMBERS][::12], ids=str)
def test_eilogin_check_names_a_member_that_is_wrong(uwv, forgery):
    octets, _ = uwv.forged(forgery, HUB)
    result = check(uwv, octets)
    assert result.exit_code == 1, result.output
    assert "inloggen.localhost" in result.output
