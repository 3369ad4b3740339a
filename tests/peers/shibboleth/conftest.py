"""Shibboleth's service provider as participants of our hub, beside two of ours."""

from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from eilogin_sites import HUB, Ours
from peer_servers import Server, metadata_with_key_of, others_key
from real_parts import free_ports
from shibboleth import (
    LOGOUT_ANSWERED,
    LOGOUT_BY_POST,
    LOGOUT_BY_REDIRECT,
    LOGOUT_BY_SOAP,
    HubFile,
    Shibboleth,
    Site,
    require_shibboleth,
)

from eilogin.saml import messages
from eilogin.saml.assurance_levels import DIGID

BY_POST = 'outgoingBindings="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"'
SITES = (
    # As Shibboleth is where nothing is said.
    Site("shib"),
    # Is answered by artifact (its metadata has that third), and logs out over SOAP.
    Site("artifact", settings={"acsIndex": "3"}, logout=LOGOUT_BY_SOAP),
    Site(
        "fleeting",
        settings={"NameIDFormat": messages.TRANSIENT},
        logout=LOGOUT_ANSWERED,
    ),
    # All goes through the browser.
    Site("redirect", logout=LOGOUT_BY_REDIRECT, messages='encryption="true"'),
    Site("post", sso=BY_POST, logout=LOGOUT_BY_POST, messages='encryption="true"'),
    Site(
        "certain",
        settings={
            "authnContextClassRef": DIGID.class_of("midden"),
            "authnContextComparison": "minimum",
        },
    ),
    # Signs with another key than its metadata says.
    Site("unknown"),
    # Has the hub's metadata with another key in it.
    Site("stale", hub="stale.xml"),
)
#: Options of the hub, by the name of a run: every test is in each. In the first run the
#: federation is what its operator signed, on both sides; in the second each has the
#: other's metadata, as it publishes it.
RUNS = {
    "encrypted": {
        "sign": "both",
        "encrypt": "when-possible",
        "encrypt_name_id": "true",
    },
    "clear": {},
}


class Servers(NamedTuple):
    """What runs, and the sites that are served."""

    #: Shibd, and Apache before it.
    theirs: Server
    apache: Server
    ours: Server
    shibboleth: Shibboleth
    sites: Ours


@pytest.fixture(scope="module", params=RUNS)
def run(request):
    return request.param


@pytest.fixture(scope="module")
def servers(run, folder, tmp_path_factory):
    """Theirs, and ours: each has the metadata of the other as it publishes it."""
    require_shibboleth()
    (port,) = free_ports(1)
    names = {"uwv": {}, "stad": {"acs": "post"}}
    shib = f"http://shib.localhost:{port}/shibboleth"
    told = {
        "release": f"\n    * requested\n    {shib} name mail",
        "attribute_names": "mail urn:oid:0.9.2342.19200300.100.1.3",
    }
    is_signed = run == "encrypted"
    sites = Ours(
        tmp_path_factory.mktemp("ours"),
        names,
        hub={**RUNS[run], **told},
        signed=is_signed,
    )
    ours = [sites.metadata(name) for name in (HUB, *names)]
    sites.join(*ours)
    hub = _as_signed(sites) if is_signed else HubFile(ours[0])
    stale = HubFile(metadata_with_key_of(others_key(), hub.metadata))
    shibboleth = Shibboleth(
        folder / run,
        port,
        SITES,
        sites.url(HUB, "/metadata"),
        {"hub.xml": hub, "stale.xml": stale},
    )
    with shibboleth.running() as running:
        theirs = {site.name: shibboleth.metadata(site.name) for site in SITES}
        theirs["unknown"] = metadata_with_key_of(others_key(), theirs["unknown"])
        sites.join(*ours, *theirs.values())
        with sites.running() as eilogin:
            yield Servers(running.shibd, running.apache, eilogin, shibboleth, sites)


def _as_signed(sites):
    """What the operator publishes, and who signed it."""
    certificate = sites.key("federation").certificate.public_bytes(Encoding.PEM)
    return HubFile((sites.folder / "var" / "federation.xml").read_bytes(), certificate)


@pytest.fixture
def shibboleth(servers):
    return servers.shibboleth


@pytest.fixture
def ours(servers):
    return servers.sites


@pytest.fixture(scope="session")
def level_class():
    """The AuthnContext class of a level."""
    return DIGID.class_of
