"""A hub or a site that keeps what it knows of a federation of a hub and five sites."""

from real_sources import Sources

from eilogin.federation import Membership, Own
from eilogin.federation.local.local_keys import OwnKey
from eilogin.federation.refresh.metadata_refresh import refresh
from eilogin.federation.refresh.usable_hubs import folder_of
from eilogin.federation.trust_start import trust_of
from eilogin.saml.signing_keys import SigningKey, new_key_pair

HUB, UWV = "https://hub.test/metadata", "https://uwv.test/eilogin/metadata"
STAD, DORP = "https://stad.test/eilogin/metadata", "https://dorp.test/eilogin/metadata"
KAMP, BURG = "https://kamp.test/eilogin/metadata", "https://burg.test/eilogin/metadata"
ALL = (HUB, UWV, STAD, DORP, KAMP, BURG)

#: The keys that a member may have, by their names.
KEYS = ("member", "next", "thief", "third")


class Party:
    """A hub or a site; its metadata is at an address."""

    def __init__(self, sources, **said):
        sources.publish(*ALL)
        self.sources, self.options = sources, sources.site(**said)
        self.trust = trust_of(self.options)
        self.folder = folder_of(self.options)

    def refresh(self, *names, **how):
        """Have the operator sign these, and refresh; what has come of it."""
        if names or how:
            self.sources.publish(*(names or ALL), **how)
        return refresh(self.options, self.folder)

    @property
    def federation(self):
        return Membership.from_index(self.folder.index(self.folder.active.state))

    @property
    def names(self):
        return {one.entity_id for one in self.federation.entities}

    def keys(self, name):
        """The keys that count of a member, by their names."""
        entity = self.federation.members[name]
        role = entity.service_provider or entity.identity_provider
        texts = {self.sources.key_of(n).certificate_text: n for n in KEYS}
        return {texts[one] for one in role.signing_certificates}

    def is_moved(self, name):
        return "moved.test" in repr(self.federation.members[name])

    @property
    def waits(self):
        quarantine = self.folder.open_quarantine
        changes = () if quarantine is None else quarantine.open
        return [change.entity_id for change in changes]


def new_sources(folder):
    """An operator of its own."""
    keys = {}

    def key_of(name):
        if name not in keys:
            keys[name] = SigningKey.load(*new_key_pair(name))
        return keys[name]

    def make_own(role="participant", **changes):
        fields = {
            "prefix": "/eilogin" if role == "participant" else "",
            "keys": (OwnKey.of(key_of("member")),),
            "back_channel_url": "https://back.uwv.test:8443",
            "names": {"nl": "UWV"},
            **changes,
        }
        return Own(role=role, **fields)

    return Sources(folder, make_own, key_of("operator"), key_of)
