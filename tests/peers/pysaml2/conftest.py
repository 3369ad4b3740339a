"""An identity provider on pysaml2 as the hub of participants of ours."""

from typing import NamedTuple

import pytest
from eilogin_sites import Ours
from peer_servers import Server, metadata_with_key_of, others_key
from pysaml2_idp import Pysaml2IdP, require_pysaml2
from real_parts import free_ports

#: Each with bindings of its own; all have the same paths.
SITES = {
    "uwv": {"acs": "artifact"},
    "stad": {"acs": "post", "request_binding": "post", "logout_binding": "post"},
    "land": {"acs": "post", "logout_binding": "soap"},
    # Signs with another key than the identity provider knows of it.
    "unknown": {"acs": "post"},
}
PATHS = {
    "silent": "true",
    "protect": "\n    =/openbaar optional\n    /zeker midden",
    # Tests have it name citizens in formats that nobody asked for.
    "name_id_mismatch": "warn",
}
KNOWN = ("uwv", "stad", "land")


class Servers(NamedTuple):
    """What runs, and the sites that are served."""

    theirs: Server
    ours: Server
    idp: Pysaml2IdP
    sites: Ours


class Site(NamedTuple):
    """Addresses of one of ours, and of another."""

    url: str
    acs: str
    public: str
    certain: str
    other: str


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The identity provider, and ours: each has the other's metadata as it is."""
    require_pysaml2()
    (port,) = free_ports(1)
    options = {name: {**PATHS, **own} for name, own in SITES.items()}
    sites = Ours(tmp_path_factory.mktemp("ours"), options, signed=False)
    known = {name: sites.metadata(name) for name in SITES}
    known["unknown"] = metadata_with_key_of(others_key(), known["unknown"])
    idp = Pysaml2IdP(tmp_path_factory.mktemp("idp"), port, known)
    with idp.running() as server:
        sites.join(idp.metadata())
        with sites.running() as eilogin:
            yield Servers(server, eilogin, idp, sites)
        assert "Traceback" not in server.log, server.log


@pytest.fixture
def idp(servers):
    return servers.idp


@pytest.fixture
def ours(servers):
    return servers.sites


@pytest.fixture(params=KNOWN)
def site(request, ours):
    """Each of our sites in turn."""
    other = KNOWN[KNOWN.index(request.param) - 1]
    paths = ("/", "/eilogin/acs", "/openbaar", "/zeker")
    return Site(*(ours.url(request.param, path) for path in paths), ours.url(other))
