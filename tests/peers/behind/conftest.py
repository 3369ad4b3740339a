"""Our hub between an identity provider on pysaml2 and participants of its own.

A municipality's hub: it has one connection, with who is above, for all that it has.
"""

from typing import NamedTuple

import pytest
from eilogin_sites import ABOVE, HUB, Ours
from lxml import etree
from peer_servers import Server
from pysaml2_idp import Pysaml2IdP, require_pysaml2
from real_parts import free_ports

from eilogin.saml import bindings, safe_xml

#: How the hub is connected with the one above it, by the name of a run.
RUNS = {
    "through-browser": {
        "acs": "post",
        "request_binding": "post",
        "logout_binding": "post",
    },
    "back-channel": {"acs": "artifact", "logout_binding": "soap"},
}
#: How the participants are connected with the hub: all have the same paths.
SITES = {
    "zorg": {"acs": "artifact"},
    "werk": {"acs": "post", "logout_binding": "soap"},
    # No message from server to server reaches it.
    "ver": {"acs": "post"},
    # Somebody else's.
    "derde": {"acs": "post"},
}
PATHS = {
    "silent": "true",
    "protect": """
    =/openbaar optional
    /zeker     midden
    /vers      basis max_age=2m""",
}
#: What she is called, as who is above names that (displayName).
ATTRIBUTE = "urn:oid:2.16.840.1.113730.3.1.241"
#: Whose login may be passed on to them.
OWN = ("zorg", "werk", "ver")


class Servers(NamedTuple):
    """What runs, and the sites that are served."""

    theirs: Server
    ours: Server
    idp: Pysaml2IdP
    sites: Ours


@pytest.fixture(scope="module", params=RUNS)
def run(request):
    return request.param


@pytest.fixture(scope="module")
def servers(run, tmp_path_factory):
    """The identity provider above, and ours: it knows our hub as a participant."""
    require_pysaml2()
    (port,) = free_ports(1)
    sites = Ours(
        tmp_path_factory.mktemp("ours"),
        {name: {**PATHS, **own} for name, own in SITES.items()},
        hub={
            "sign_in": "above",
            "default_attributes": ATTRIBUTE,
            "passed_on_to": " ".join(
                f"http://{name}.localhost:%(port)s/eilogin/metadata" for name in OWN
            ),
        },
        above=RUNS[run],
    )
    known = {ABOVE: sites.metadata(ABOVE)}
    idp = Pysaml2IdP(tmp_path_factory.mktemp("idp"), port, known)
    with idp.running() as server:
        sites.stand_behind(idp.metadata())
        below = {name: sites.metadata(name) for name in (HUB, *SITES)}
        below["ver"] = _without_soap(below["ver"])
        sites.join(*below.values())
        with sites.running() as eilogin:
            yield Servers(server, eilogin, idp, sites)
        assert "Traceback" not in server.log, server.log


def _without_soap(metadata):
    """The same metadata, with a back channel where nobody is."""
    entity = etree.fromstring(metadata)
    (port,) = free_ports(1)
    for endpoint in entity.iter(safe_xml.q("md:SingleLogoutService")):
        if endpoint.get("Binding") == bindings.SOAP:
            endpoint.set("Location", f"http://ver.localhost:{port}/eilogin/slo/soap")
    return etree.tostring(entity)


@pytest.fixture
def idp(servers):
    return servers.idp


@pytest.fixture
def ours(servers):
    return servers.sites


@pytest.fixture
def zorg(ours):
    """The address of one application, and below of another."""
    return ours.url("zorg")


@pytest.fixture
def werk(ours):
    return ours.url("werk")


@pytest.fixture
def ver(ours):
    """That of one that the hub reaches through browsers only."""
    return ours.url("ver")


@pytest.fixture
def everywhere(anna, zorg, werk):
    """Anna, logged in at both applications."""
    anna.log_in(zorg)
    assert anna.is_let_in(werk), anna.where
    return anna
