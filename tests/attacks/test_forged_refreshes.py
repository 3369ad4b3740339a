"""Forged metadata, fetched by a site that runs (G19).

Whatever its address gives, who is trusted is the same as before, by the same digest; it
is told why, with the code of the error; and the site sends visitors to its hub as it
did. The good twin, made a second later, is taken.
"""

import base64
import threading
from contextlib import suppress
from copy import deepcopy

import pytest
from arena import HUB, KADASTER, SVB, UWV
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from forging.federations import (
    EXPIRED,
    MEMBERS,
    NO_HUB,
    OLDER,
    OVER,
    WHOLE,
    created,
    entities,
)
from forging.sites import LOST, Address, Site, generic, message_of, twice_the_hub
from forging.trying import by_kind, by_name, is_even
from webob import Request

from eilogin import clock
from eilogin.config import read
from eilogin.errors import ConfigurationError, UnknownPeer
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh.metadata_refresh import refresh
from eilogin.federation.refresh.usable_hubs import folder_of
from eilogin.federation.trust_start import trust_of
from eilogin.filters.participant import ParticipantOptions, participant
from eilogin.filters.trust import TrustFilter
from eilogin.saml import safe_xml
from eilogin.saml.messages import write_instant
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.web import environ as env

HOUR = 3600.0
#: Bytes that the line of ``federation`` takes.
LARGEST = 4 * 1024 * 1024


class Running:
    """A site that fetches its metadata, and looks what is active at each request."""

    declared = TrustOptions
    more = ()

    def __init__(self, site, address, folder):
        self.site, self.told, self.address = site, site.told, address
        self.made = clock.now() - 3 * HOUR
        address.octets = self.good()
        said = {
            "federation": self.lines(),
            "federation_folder": str(folder),
            # By the tests alone.
            "federation_refresh": "off",
        }
        options = {**site.options, **said, **dict(self.more)}
        self.options = read(self.declared, {}, options)
        self.folder = folder_of(self.options)
        trust = trust_of(self.options)
        self.watch, (self.app, self.filter) = trust.watch, self._built(trust)
        self.trusts()

    def _built(self, trust):
        made = TrustFilter(lambda *_: [], trust)
        return made, made

    def lines(self):
        """Where its metadata comes from."""
        return f"{self.address.url} longest={LARGEST}"

    def later(self):
        """When the operator makes what comes next: a second after what came before."""
        self.made += 1
        return write_instant(self.made)

    def good(self, without=()):
        """What the operator makes next, perhaps without some."""
        root = created(self.told.root(), self.later())
        for entity in entities(root):
            if entity.get("entityID") in without:
                entity.getparent().remove(entity)
        root.set("validUntil", write_instant(self.made + 90 * 24 * HOUR))
        return self.told.signed(root)

    @property
    def now(self):
        """When what is forged says that it was made: by its age nothing is refused."""
        return write_instant(clock.now())

    def files(self):
        """All that is kept of metadata, and of what was made of it."""
        found = [*self.folder.path.glob("copy-*"), *self.folder.path.glob("index-*")]
        return {path: path.read_bytes() for path in found}

    def refreshes(self, octets):
        """Refresh with these at the address; why nothing of them is taken, or ""."""
        self.address.octets = octets
        # What is raised is what is told where an operator looks.
        with self.folder.locked(0), suppress(ConfigurationError):
            refresh(self.options, self.folder)
        return self.folder.active.tries.why

    def trusts(self):
        """Remember who is trusted, as the site itself sees it."""
        self.watch.check_state()
        self.state, self.kept = self.folder.active.state, self.files()
        self.digest = self.state.digest
        assert self.address.octets in self.kept.values()
        self.serves()

    def serves(self):
        """A request is served by who was trusted, once the site has looked."""
        self.watch.check_state()
        self.app({"PATH_INFO": "/", "REQUEST_METHOD": "GET", env.SESSION: None}, None)
        assert self.filter.trust.federation.digest == self.digest

    def keeps(self, octets):
        """What comes is not believed, and nothing is otherwise; why that is so."""
        why = self.refreshes(octets)
        assert why, "it was taken"
        assert self.folder.active.state.digest == self.digest
        assert self.folder.active.state.index == self.state.index
        assert self.folder.open_quarantine is None
        assert self.files() == self.kept
        self.serves()
        return why

    def holds(self, octets, *others):
        """What comes leaves the hub as it was until somebody has looked; why."""
        name = self.site.entity_id(HUB)
        before = self.filter.trust.federation.digests[name]
        assert self.refreshes(octets) == ""
        self.trusts()
        assert self.filter.trust.federation.digests[name] == before
        assert {x.entity_id for x in self.folder.open_quarantine.open} >= {
            name,
            *others,
        }
        return "; ".join(self.folder.open_quarantine.reasons)

    def takes(self, octets):
        """What comes is active, and kept."""
        assert self.refreshes(octets) == ""
        self.trusts()


class Participant(Running):
    """One with all its filters, which sends visitors to its hub."""

    declared = ParticipantOptions
    more = (("store", "memory:"),)

    def _built(self, trust):
        app = participant(lambda *_: [], self.options, trust)
        return app, app.app

    def serves(self):
        self.watch.check_state()
        site, hub = self.site.options["public_url"], self.site.arena.url(HUB, "")
        answer = Request.blank(f"{site}/mijn").get_response(self.app)
        assert answer.status_int == 302
        assert answer.location.startswith(f"{hub}/sso?SAMLRequest=")
        assert self.filter.trust.federation.digest == self.digest


@pytest.fixture(scope="module")
def address():
    found = Address()
    yield found
    found.close()


@pytest.fixture(scope="module")
def uwv(arena, address, tmp_path_factory):
    site = Site(arena, tmp_path_factory.mktemp("uwv"), UWV)
    return Participant(site, address, tmp_path_factory.mktemp("trust"))


@pytest.fixture(scope="module")
def hub(arena, tmp_path_factory):
    site, address = Site(arena, tmp_path_factory.mktemp("hub"), HUB), Address()
    yield Running(site, address, tmp_path_factory.mktemp("trust"))
    address.close()


@pytest.fixture(autouse=True, scope="module")
def others_stay(arena):
    """Who is served already is served as before."""
    with arena.unchanged():
        yield
    arena.others_stay()


# --- the whole ----------------------------------------------------------------------


@pytest.mark.parametrize("forgeries", by_kind(WHOLE))
def test_a_whole_that_is_forged_changes_nothing(uwv, forgeries):
    for forgery in forgeries:
        if NO_HUB in forgery.reasons:
            continue  # below
        with by_name(forgery):
            why = uwv.keeps(forgery.make(uwv.told))
            assert any(f"({code})" in why for code in forgery.reasons), why
    uwv.takes(uwv.good())


def test_a_whole_without_the_hub_leaves_that_as_it_was(uwv):
    why = uwv.holds(uwv.good(without=[uwv.site.entity_id(HUB)]))
    assert "our hub: " in why
    uwv.takes(uwv.good())


@pytest.mark.parametrize("forgeries", by_kind(generic()))
def test_a_signature_that_is_forged_changes_nothing(uwv, forgeries):
    """Half of them: the others are tried at a start."""
    for forgery in filter(is_even, forgeries):
        with by_name(forgery):
            why = uwv.keeps(forgery.make(message_of(uwv.site)))
            assert "(metadata-unusable)" in why or "(metadata-untrusted)" in why
    uwv.takes(uwv.good())


def test_half_of_it_changes_nothing(uwv):
    good = uwv.good()
    for part in (1, 0.5, 0.99):
        cut = good[: int(len(good) * part) - 1]
        assert "(metadata-unusable)" in uwv.keeps(cut)
    uwv.address.says = len(good) + 1
    try:
        assert "(metadata-unavailable)" in uwv.keeps(good)
    finally:
        uwv.address.says = None
    uwv.takes(good)


def test_more_than_is_read_changes_nothing(uwv):
    good = uwv.good()
    blanks = b"\n" * (LARGEST - len(good))
    assert "(metadata-unavailable)" in uwv.keeps(good + blanks + b"\n")
    uwv.takes(good + blanks)


@pytest.mark.parametrize("seconds", [0, 1, 86_400])
def test_refresh_rejects_older_metadata(uwv, seconds):
    """It was signed by the operator, once."""
    old = uwv.good()
    uwv.takes(old)
    uwv.takes(uwv.good())
    assert f"({OLDER})" in uwv.keeps(old)
    made = write_instant(uwv.made - 1 - seconds)
    forged = uwv.told.signed(created(uwv.told.root(), made))
    assert f"({OLDER})" in uwv.keeps(forged)


def test_refresh_rejects_metadata_without_a_creation_instant(uwv):
    root = uwv.told.root()
    for extensions in root.findall(safe_xml.q("md:Extensions")):
        root.remove(extensions)
    assert f"({OLDER})" in uwv.keeps(uwv.told.signed(root))


def test_refresh_rejects_metadata_created_in_the_future(uwv):
    root = created(uwv.told.root(), write_instant(clock.now() + HOUR))
    assert "(metadata-unusable)" in uwv.keeps(uwv.told.signed(root))


# --- one member ---------------------------------------------------------------------


@pytest.mark.parametrize("forgeries", by_kind(MEMBERS))
def test_a_hub_that_is_forged_changes_nothing(uwv, forgeries):
    """It stays as it was: whatever else comes with it is taken."""
    for forgery in forgeries:
        with by_name(forgery):
            octets, name = uwv.site.forged(forgery, HUB, uwv.later())
            why = uwv.holds(octets)
            is_told = any(f"left out: {code}: " in why for code in forgery.reasons)
            assert is_told or name != uwv.site.entity_id(HUB), why
    uwv.takes(uwv.good())


@pytest.mark.parametrize("name", OVER)
def test_a_hub_that_is_over_or_speaks_another_protocol_changes_nothing(uwv, name):
    if "protocol" in name:
        octets, _ = uwv.site.forged(OVER[name], HUB, uwv.later())
        assert "is no longer a hub, and it is ours" in uwv.holds(octets)
        uwv.takes(uwv.good())
    else:
        octets, _ = uwv.site.forged(OVER[name], HUB, uwv.now)
        assert f"({EXPIRED})" in uwv.keeps(octets)


@pytest.mark.parametrize("name", [*LOST][::10])
def test_no_other_member_becomes_the_hub_in_its_place(uwv, name):
    octets = twice_the_hub(uwv.site, LOST[name], uwv.later())
    why = uwv.holds(octets, uwv.site.entity_id(SVB))
    assert "our hub: " in why
    assert "is a hub now: " in why
    uwv.takes(uwv.good())


@pytest.mark.parametrize("forgeries", by_kind(MEMBERS))
def test_a_participant_that_is_forged_is_trusted_no_more(hub, forgeries):
    """It shuts out nobody else: the others are as they were, by the same digests."""
    svb = hub.site.entity_id(SVB)
    before = dict(hub.filter.trust.federation.digests)
    del before[svb]
    for forgery in forgeries:
        with by_name(forgery):
            octets, name = hub.site.forged(forgery, SVB, hub.later())
            hub.takes(octets)
            trust = hub.filter.trust
            for who in (name, svb):
                with pytest.raises(UnknownPeer):
                    trust.participant(who)
            assert trust.federation.digests == before
            [error] = trust.federation.left_out.values()
            forgery.expects(error.code)
    hub.takes(hub.good())
    assert hub.filter.trust.participant(svb)


# --- by who signs for others --------------------------------------------------------


class Beside(Participant):
    """One that believes another operator too, on an earlier line."""

    def lines(self):
        key, certificate = new_key_pair("other operator")
        self.other = SigningKey.load(key, certificate)
        (self.site.folder / "other.crt").write_bytes(certificate)
        self.says(SVB)
        file, svb = self.site.file, self.site.entity_id(SVB)
        return f"{file} {self.site.folder}/other.crt\n{super().lines()} exclude={svb}"

    def says(self, *hosts, change=lambda _: None):
        """The other operator signs the metadata of these, each of them changed."""
        root = created(self.told.root(), self.later())
        names = [self.site.entity_id(host) for host in hosts]
        for entity in entities(root):
            if entity.get("entityID") in names:
                change(entity)
            else:
                entity.getparent().remove(entity)
        self.site.file.write_bytes(self.told.signed(root, self.other))


@pytest.fixture(scope="module")
def beside(arena, tmp_path_factory):
    site, address = Site(arena, tmp_path_factory.mktemp("beside"), UWV), Address()
    yield Beside(site, address, tmp_path_factory.mktemp("trust"))
    address.close()


def _with_another_key(entity, is_beside):
    """Of the attacker, alone or beside the one that it has."""
    _, pem = new_key_pair("attacker")
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    text = base64.b64encode(der)
    for key in [*entity.iter(safe_xml.q("md:KeyDescriptor"))]:
        if is_beside:
            key.addprevious(deepcopy(key))
        for certificate in key.iter(safe_xml.q("ds:X509Certificate")):
            certificate.text = text.decode()


@pytest.mark.parametrize("is_beside", [True, False])
def test_another_operator_takes_no_hub(beside, is_beside):
    """Nor does it keep the first one from being heard."""
    before = beside.filter.trust.federation.digests
    beside.says(SVB, HUB, change=lambda one: _with_another_key(one, is_beside))
    beside.takes(beside.good())
    after = beside.filter.trust.federation.digests
    ours = [beside.site.entity_id(one) for one in (HUB, UWV, KADASTER)]
    assert [after[name] for name in ours] == [before[name] for name in ours]
    # Not either once the first one has it no more.
    octets = beside.good(without=[beside.site.entity_id(HUB)])
    beside.refreshes(octets)
    assert beside.folder.open_quarantine is not None
    beside.trusts()
    after = beside.filter.trust.federation.digests
    assert [after[name] for name in ours] == [before[name] for name in ours]
    beside.says(SVB)
    beside.takes(beside.good())
    assert beside.folder.open_quarantine is None


# --- all the while --------------------------------------------------------------------


def test_requests_are_served_while_forgeries_come(uwv):
    """By several threads."""
    served, faults, is_over = [], [], threading.Event()

    def visit():
        while not is_over.is_set():
            try:
                uwv.serves()
            except Exception as error:  # noqa: BLE001 - told below
                faults.append(error)
                return
            served.append(1)

    visitors = [threading.Thread(target=visit) for _ in range(2)]
    for visitor in visitors:
        visitor.start()
    try:
        for forgery in [*WHOLE][::8]:
            uwv.keeps(forgery.make(uwv.told))
    finally:
        is_over.set()
        for visitor in visitors:
            visitor.join()
    assert not faults
    assert served
