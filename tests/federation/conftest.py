from functools import cache

import pytest
from real_sources import Sources

from eilogin.federation import Own
from eilogin.federation.local.local_keys import OwnKey
from eilogin.federation.refresh.usable_hubs import folder_of
from eilogin.federation.trust_start import trust_of
from eilogin.saml.signing_keys import SigningKey, new_key_pair

HUB, UWV = "https://hub.test/metadata", "https://uwv.test/eilogin/metadata"


@cache
def signing_key(name):
    return SigningKey.load(*new_key_pair(name))


@pytest.fixture
def key_of():
    """The key of a name, made once."""
    return signing_key


@pytest.fixture
def key():
    return signing_key("member")


@pytest.fixture
def operator():
    return signing_key("operator")


@pytest.fixture
def sources(tmp_path, make_own, operator, key_of):
    """The metadata of a hub and a site, at an address; and what a site of it says."""
    found = Sources(tmp_path, make_own, operator, key_of)
    found.publish(HUB, UWV)
    yield found
    found.close()


@pytest.fixture
def site(sources):
    """The options of a site."""
    return sources.site()


@pytest.fixture
def folder(site):
    """What it keeps of its federation, once that was read."""
    trust_of(site)
    return folder_of(site)


@pytest.fixture
def make_own(key):
    def make(role="participant", **changes):
        fields = {
            "role": role,
            "public_url": "https://uwv.test",
            "prefix": "/eilogin" if role == "participant" else "",
            "keys": (OwnKey.of(key),),
            "entity_id": "https://uwv.test/eilogin/metadata",
            "back_channel_url": "https://back.uwv.test:8443",
            "names": {"nl": "UWV", "en": "Employee Insurance Agency"},
            **changes,
        }
        return Own(**fields)

    return make
