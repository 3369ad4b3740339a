"""mod_auth_mellon under Apache as participants of our hub, beside two of ours."""

from typing import NamedTuple

import pytest
from eilogin_sites import HUB, Ours
from mellon import Mellon, Site, require_mellon
from peer_servers import Server, metadata_with_key_of, others_key
from real_parts import free_ports

from eilogin.saml import messages
from eilogin.saml.assurance_levels import DIGID

SITES = (
    Site("mellon"),
    Site("artifact", by_artifact=True),
    Site("lasting", by_artifact=True, name_id=messages.PERSISTENT),
    Site("mail", by_artifact=True, name_id=messages.EMAIL),
    # Takes a logout by Redirect alone, as it is by artifact, and no frame brings it.
    Site("careful", by_artifact=True, needs_cookie=True),
    Site("certain", level_class=DIGID.class_of("midden")),
    # Signs with another key than its metadata says.
    Site("unknown"),
    # Has the hub's metadata with another key in it.
    Site("stale", hub="stale.xml"),
)
#: Options of the hub, by the name of a run. In the first run the federation is what its
#: operator signed, in the others it is a folder of files.
RUNS = {
    "encrypted": {
        "sign": "both",
        "encrypt": "when-possible",
        "encrypt_name_id": "true",
    },
    "clear": {},
    "one-by-one": {"logout_in_browser": "one-by-one"},
}
#: Those in which every test is.
_EACH = ("encrypted", "clear")


class Servers(NamedTuple):
    """What runs, and the sites that are served."""

    theirs: Server
    ours: Server
    mellon: Mellon
    sites: Ours


@pytest.fixture(scope="module", params=_EACH)
def run(request):
    return request.param


@pytest.fixture(scope="module")
def servers(run, folder, tmp_path_factory):
    """Apache, and ours: each has the metadata of the other as it publishes it."""
    require_mellon()
    (port,) = free_ports(1)
    mail = f"http://mail.localhost:{port}/mellon/metadata"
    names = {"uwv": {}, "stad": {"acs": "post"}}
    sites = Ours(
        tmp_path_factory.mktemp("ours"),
        names,
        hub={**RUNS[run], "release": f"\n    * requested\n    {mail} name mail"},
        signed=run == "encrypted",
    )
    hub, wrong = sites.metadata(HUB), others_key()
    hubs = {"hub.xml": hub, "stale.xml": metadata_with_key_of(wrong, hub)}
    mellon = Mellon(folder / run, port, SITES, hubs)
    with mellon.running() as apache:
        theirs = {site.name: mellon.metadata(site.name) for site in SITES}
        theirs["unknown"] = metadata_with_key_of(wrong, theirs["unknown"])
        sites.join(*map(sites.metadata, (HUB, *names)), *theirs.values())
        with sites.running() as eilogin:
            yield Servers(apache, eilogin, mellon, sites)


@pytest.fixture
def mellon(servers):
    return servers.mellon


@pytest.fixture
def ours(servers):
    return servers.sites
