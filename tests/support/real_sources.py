"""A federation's metadata at an address on this machine, and the options of a site."""

from dataclasses import replace

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from published import Published

from eilogin import clock
from eilogin.config import read
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.saml import safe_xml, xml_signatures
from eilogin.saml.metadata import write_federation

DAY = 86_400.0


class Sources:
    """What an operator publishes: over HTTP, and as ``federation.xml`` in a folder."""

    def __init__(self, folder, make_own, operator, key_of):
        self.folder, self._make_own = folder, make_own
        self._operator, self.key_of = operator, key_of
        self.server = Published()
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
        return self.server.url

    @property
    def asked(self):
        return self.server.asked

    @property
    def statuses(self):
        return self.server.statuses

    @property
    def octets(self):
        return self.server.octets

    @octets.setter
    def octets(self, octets):
        self.server.octets = octets

    def publish(self, *names, **how):
        """Have the federation be of these from now on."""
        self.octets = self.made(*names, **how)
        (self.folder / "federation.xml").write_bytes(self.octets)

    def made(  # noqa: PLR0913 - each of them is one thing that is otherwise
        self,
        *names,
        key=None,
        days=30,
        resolvers=True,
        cache="",
        says_when=True,
        moved=(),
        keys=None,
    ):
        """The metadata of these; the first is a hub where it is called so.

        Who is in ``moved`` has its addresses at another host, and who is in ``keys``
        has the keys of these names to sign with.
        """
        members = [
            self._member(
                name,
                resolvers=resolvers,
                is_moved=name in moved,
                keys=(keys or {}).get(name),
            )
            for name in names
        ]
        ends = clock.now() + days * DAY
        key = key or self._operator
        octets = write_federation(members, name="Proef", valid_until=ends, key=key)
        if not cache and says_when:
            return octets
        root = safe_xml.parse(octets, safe_xml.METADATA)
        root.remove(root.find(safe_xml.q("ds:Signature")))
        if cache:
            root.set("cacheDuration", cache)
        if not says_when:
            root.remove(root.find(safe_xml.q("md:Extensions")))
        xml_signatures.sign(root, key)
        return safe_xml.serialize(root)

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
        self.server.close()

    def member(self, name):
        """A member as the operator knows it, but for when it ends."""
        return self._member(name, resolvers=True, is_moved=False, keys=None)

    def _member(self, name, *, resolvers, is_moved, keys):
        url = name.partition("/metadata")[0].removesuffix("/eilogin")
        if is_moved:
            url = "https://moved.test"
        role = "hub" if "hub" in name else "participant"
        own = self._make_own(role, entity_id=name, public_url=url)
        found = own.descriptor()
        if role == "hub" and not resolvers:
            hub = replace(found.identity_provider, artifact_resolutions=())
            found = replace(found, identity_provider=hub)
        return found if keys is None else self._with_keys(found, keys)

    def _with_keys(self, entity, keys):
        texts = tuple(self.key_of(name).certificate_text for name in keys)
        for name in ("service_provider", "identity_provider"):
            role = getattr(entity, name)
            if role is not None:
                role = replace(role, signing_certificates=texts)
                entity = replace(entity, **{name: role})
        return entity
