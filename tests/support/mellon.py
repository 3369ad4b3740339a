"""mod_auth_mellon under an Apache of our own, as participants of a hub.

One process serves several sites, told apart by host name; each has its own key and its
own metadata.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from apache import Apache, require_module
from peer_servers import LOOPBACK, Clock, Server, fetch

from eilogin.saml.messages import TRANSIENT
from eilogin.saml.signing_keys import new_key_pair

_MELLON = Template("""\
LogLevel warn auth_mellon:info
MellonCacheSize 50
MellonLockFile $folder/mellon.lock
""")

_SITE = Template("""\
<VirtualHost 127.0.0.1:$port>
    ServerName http://$host:$port
    DocumentRoot $folder/site
    UseCanonicalName On
    <Location />
        MellonEnable info
        MellonVariable mellon
        MellonSecureCookie On
        MellonEndpointPath /mellon
        MellonSPPrivateKeyFile $folder/$host.key
        MellonSPCertFile $folder/$host.crt
        $more
        MellonIdPMetadataFile $folder/$hub
    </Location>
    <Location /mijn>
        AuthType Mellon
        Require valid-user
        MellonEnable auth
    </Location>
    $below
</VirtualHost>
""")

#: Who logs out without the cookie of the session gets an error page.
_NEEDS_COOKIE = """\
<Location /mellon/logout>
    Require expr %{HTTP:Cookie} =~ /mellon-mellon=/
</Location>
"""

#: What a visitor sees: who mellon says she is.
_PAGE = """\
<!DOCTYPE html>
<html lang="nl"><title>Een site achter mellon</title>
<p>user=[<!--#echo var="REMOTE_USER" -->]</p>
<p>name=[<!--#echo var="MELLON_name" -->]</p>
<a href="/mellon/logout?ReturnTo=/">Uitloggen</a>
</html>
"""

#: As mellon's manual says to have answers as artifacts.
_BY_ARTIFACT = Template("""\
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"
    entityID="$url/mellon/metadata">
  <SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true"
      protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor>
      <ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
        <ds:X509Certificate>
$certificate
        </ds:X509Certificate>
      </ds:X509Data></ds:KeyInfo>
    </KeyDescriptor>
    <SingleLogoutService Location="$url/mellon/logout"
        Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"/>
    <NameIDFormat>$name_id</NameIDFormat>
    <AssertionConsumerService index="0" isDefault="true"
        Location="$url/mellon/artifactResponse"
        Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"/>
  </SPSSODescriptor>
</EntityDescriptor>
""")


def require_mellon() -> None:
    """Skip the test where a part is missing; fail where there has to be one."""
    require_module("mod_auth_mellon.so", "libapache2-mod-auth-mellon")


@dataclass(frozen=True)
class Site:
    """One participant; ``hub`` names the file with the hub's metadata as it knows it.

    With ``by_artifact`` its metadata is written by hand, otherwise it is mellon's own;
    ``name_id`` is the format that those written by hand ask for. ``level_class`` is the
    least that it asks a citizen to prove, if it says that. One that ``needs_cookie``
    logs nobody out without that of the session, as older ones.
    """

    name: str
    hub: str = "hub.xml"
    by_artifact: bool = False
    name_id: str = TRANSIENT
    level_class: str = ""
    needs_cookie: bool = False


class Mellon:
    """Apache with its sites; ``hubs`` are metadata of the hub, by the file's name.

    ``folder`` has to be one that others can read: Apache is not run as root.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        sites: tuple[Site, ...],
        hubs: Mapping[str, bytes],
    ) -> None:
        self.folder = folder
        self._apache = Apache(folder, port, "auth_mellon_module", "mod_auth_mellon.so")
        for name, metadata in hubs.items():
            (folder / name).write_bytes(metadata)
        configuration = _MELLON.substitute(folder=folder)
        self._apache.configure(_PAGE, configuration, *map(self._site, sites))

    @property
    def clock(self) -> Clock:
        """The time of day there."""
        return self._apache.clock

    def url(self, name: str, path: str = "/") -> str:
        """An address of a site."""
        return f"http://{name}{LOOPBACK}:{self._apache.port}{path}"

    def metadata(self, name: str) -> bytes:
        """The metadata of a site, as mellon publishes it."""
        return fetch(self.url(name, "/mellon/metadata"))

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Serve, by its clock."""
        with self._apache.running() as server:
            yield server

    def _site(self, site: Site) -> str:
        host = site.name + LOOPBACK
        key, certificate = new_key_pair(host)
        (self.folder / f"{host}.key").write_bytes(key)
        (self.folder / f"{host}.crt").write_bytes(certificate)
        more = []
        if site.by_artifact:
            file = self.folder / f"{host}.xml"
            lines = certificate.decode().strip().splitlines()[1:-1]
            text = _BY_ARTIFACT.substitute(
                url=self.url(site.name, ""),
                certificate="\n".join(lines),
                name_id=site.name_id,
            )
            file.write_text(text)
            more.append(f"MellonSPMetadataFile {file}")
        if site.level_class:
            more.append(f"MellonAuthnContextClassRef {site.level_class}")
            more.append("MellonAuthnContextComparisonType minimum")
        return _SITE.substitute(
            folder=self.folder,
            port=self._apache.port,
            host=host,
            hub=site.hub,
            more="\n".join(more),
            below=_NEEDS_COOKIE if site.needs_cookie else "",
        )
