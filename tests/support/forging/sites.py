"""Sites of the arena's federation that are given forged metadata: by file, by address.

``generic`` are the forgeries that fit any message, made of metadata by ``message_of``.
"""

import threading
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from arena import HUB, SVB

from eilogin import clock
from eilogin.config import read
from eilogin.errors import ConfigurationError
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.trust_start import trust_of
from eilogin.saml import safe_xml, xml_signatures
from eilogin.saml.messages import write_instant
from forging import ROOT, Message
from forging.documents import DOCUMENTS
from forging.federations import MEMBERS, OVER, Federated, Member, created, entities
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES

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

    def entity_id(self, host):
        """The entityID of a member, by its host."""
        return self.arena.federation.trusts[host].own.entity_id

    def member(self, root, host):
        """A member in a tree, by its host."""
        known = entities(root)
        (entity,) = [one for one in known if f"//{host}" in one.get("entityID")]
        name = "md:IDPSSODescriptor" if host == HUB else "md:SPSSODescriptor"
        others = [one for one in known if one is not entity]
        return Member(entity, entity.find(safe_xml.q(name)), others)

    def forged(self, forgery, host, made=""):
        """The octets in which one member is changed, and its entityID then.

        ``made`` is when the operator says to have made them, or "".
        """
        root = self.told.root()
        if made:
            created(root, made)
        member = self.member(root, host)
        getattr(forgery, "make", forgery)(member)
        return self.told.signed(root), member.entity.get("entityID")


def generic():
    """Those of any message; its sizes are other ones."""
    forgeries = [*SHAPES.of(ROOT), *SIGNATURES.of(ROOT), *DOCUMENTS.of(ROOT)]
    return [one for one in forgeries if one.kind != "size"]


def message_of(site, of_one=None):
    """The metadata of the federation, or of its hub alone, signed by its operator."""
    root = site.told.root()
    if of_one:
        root = site.member(root, of_one).entity
        root = safe_xml.parse_canonical(safe_xml.serialize(root))
        root.set("ID", "_alone")
        root.set("validUntil", write_instant(clock.now() + 3600))
    # Some tricks are done to an Issuer, or to who is named.
    held = created(root, write_instant(clock.now()))[0]
    safe_xml.add(held, "saml:Issuer", "https://federation.test/")
    safe_xml.add(held, "saml:NameID", "federation")
    xml_signatures.sign(root, site.told.operator)

    def evil():
        other = safe_xml.parse_canonical(safe_xml.serialize(root))
        other.remove(other.find(safe_xml.q("ds:Signature")))
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


#: Who speaks another protocol is no hub that was lost.
LOST = {forgery.name: forgery.make for forgery in MEMBERS} | {
    name: make for name, make in OVER.items() if "protocol" not in name
}


def twice_the_hub(site, lose, made=""):
    """Metadata in which the hub is lost, and another member is a hub like it.

    Signed by the operator; it is tried where ``hub`` names none.
    """
    root = site.told.root()
    if made:
        created(root, made)
    lost, other = site.member(root, HUB), site.member(root, SVB)
    as_hub = deepcopy(lost.role)
    for element in as_hub.iter():
        if element.get("Location"):
            element.set("Location", element.get("Location").replace(HUB, SVB))
    other.role.addprevious(as_hub)
    lose(lost)
    return site.told.signed(root)


class Address(ThreadingHTTPServer):
    """An address on this machine, where ``octets`` are now."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.octets = b""
        #: How many bytes it says that it sends; None for as many as there are.
        self.says = None
        self._thread = threading.Thread(target=self.serve_forever, args=[0.01])
        self._thread.start()

    @property
    def url(self):
        return f"http://localhost:{self.server_port}/federation.xml"

    def close(self):
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        octets, says = self.server.octets, self.server.says
        self.send_response(200)
        self.send_header("Content-Length", str(len(octets) if says is None else says))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, *args):
        pass
