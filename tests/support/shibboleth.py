"""Shibboleth's service provider under an Apache of our own, as participants of a hub.

Two processes: Apache with mod_shib, which knows who has a session, and shibd, which
speaks SAML. They serve several sites, told apart by host name; each has its own key and
its own metadata. Of the machine's configuration what Debian ships is used: protocols,
rules for messages and for attributes, and pages.
"""

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import NamedTuple, Self

from apache import Apache, hand_over, require_module
from peer_servers import LOOPBACK, PATIENCE, Clock, Server, fetch

from eilogin.saml.signing_keys import new_key_pair

PROGRAM = Path("/usr/sbin/shibd")

# A line is there as soon as it is written, which is not so on standard output.
_LOGGER = Template("""\
log4j.rootCategory=$least, lines
log4j.appender.lines=org.apache.log4j.FileAppender
log4j.appender.lines.fileName=$file
log4j.appender.lines.layout=org.apache.log4j.PatternLayout
log4j.appender.lines.layout.ConversionPattern=%p %c %x: %m%n
""")

# As Debian's example has it, but for TLS, which no test has.
_SP = Template("""\
<SPConfig xmlns="urn:mace:shibboleth:3.0:native:sp:config"
    xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" clockSkew="180">
  <OutOfProcess logger="$folder/shibd.logger"/>
  <InProcess logger="$folder/mod_shib.logger"/>
  <UnixListener address="$folder/shibd.sock"/>
  <ApplicationDefaults entityID="http://nobody.invalid/shibboleth"
      REMOTE_USER="persistent-id transient-id" requireConfidentiality="false">
    <Sessions handlerSSL="false" cookieProps="http" redirectLimit="exact"/>
    <Errors supportContact="beheer@example.nl"/>
    <AttributeExtractor type="XML" validate="true" reloadChanges="false"
        path="$folder/attributes.xml"/>
    <AttributeFilter type="XML" validate="true" path="attribute-policy.xml"/>
    $applications
  </ApplicationDefaults>
  <SecurityPolicyProvider type="XML" validate="true" path="security-policy.xml"/>
  <ProtocolProvider type="XML" validate="true" reloadChanges="false"
      path="protocols.xml"/>
</SPConfig>
""")

_APPLICATION = Template("""\
<ApplicationOverride id="$name" entityID="$url/shibboleth" $messages>
  <Sessions lifetime="28800" timeout="3600" relayState="ss:mem" checkAddress="false"
      handlerSSL="false" cookieProps="; path=/; HttpOnly; Secure; SameSite=None"
      redirectLimit="exact">
    <SSO entityID="$hub_id" $sso>SAML2</SSO>
    $logout
    <Handler type="MetadataGenerator" Location="/Metadata" signing="false"/>
    <Handler type="DiscoveryFeed" Location="/DiscoFeed" cacheToDisk="false"/>
  </Sessions>
  <MetadataProvider type="XML" validate="true" path="$folder/$hub">
    $filters
  </MetadataProvider>
  <CredentialResolver type="File"
      key="$folder/$name.key" certificate="$folder/$name.crt"/>
</ApplicationOverride>
""")

#: Every way to be told of a logout; the hub's answer is not waited for.
LOGOUT = "<Logout>SAML2 Local</Logout>"
#: It is, and comes by redirect.
LOGOUT_ANSWERED = '<Logout asynchronous="false">SAML2 Local</Logout>'
#: Is told of a logout in the browser, and in no other way.
LOGOUT_BY_REDIRECT = """\
<LogoutInitiator type="SAML2" Location="/Logout" asynchronous="false"/>
<md:SingleLogoutService Location="/SLO/Redirect"
    Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"/>
"""
LOGOUT_BY_POST = """\
<LogoutInitiator type="SAML2" Location="/Logout" asynchronous="false"
    outgoingBindings="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"/>
<md:SingleLogoutService Location="/SLO/POST"
    Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"/>
"""
#: Asks for one over SOAP.
LOGOUT_BY_SOAP = """\
<Logout outgoingBindings="urn:oasis:names:tc:SAML:2.0:bindings:SOAP">SAML2</Logout>
"""

#: Metadata is believed for the operator's signature.
_SIGNED = Template("""\
<MetadataFilter type="Signature" certificate="$folder/$hub.crt"/>
""")

#: NameIDs as Debian's example has them, and what our hub tells by its own names.
_ATTRIBUTES = """\
<Attributes xmlns="urn:mace:shibboleth:2.0:attribute-map"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Attribute name="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
      id="persistent-id">
    <AttributeDecoder xsi:type="NameIDAttributeDecoder" defaultQualifiers="true"
        formatter="$NameQualifier!$SPNameQualifier!$Name"/>
  </Attribute>
  <Attribute name="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
      id="transient-id">
    <AttributeDecoder xsi:type="NameIDAttributeDecoder" formatter="$Name"/>
  </Attribute>
  <Attribute name="name" id="name"/>
  <Attribute name="urn:oid:0.9.2342.19200300.100.1.3" id="mail"/>
</Attributes>
"""

_SITE = Template("""\
<VirtualHost 127.0.0.1:$port>
    ServerName http://$host:$port
    DocumentRoot $folder/site
    UseCanonicalName On
    <Location />
        AuthType shibboleth
        Require shibboleth
        ShibRequestSetting applicationId $name
        $settings
    </Location>
    <Location /mijn>
        Require shib-session
        ShibRequestSetting requireSession true
    </Location>
</VirtualHost>
""")

#: What a visitor sees: who Shibboleth says she is.
_PAGE = """\
<!DOCTYPE html>
<html lang="nl"><title>Een site achter Shibboleth</title>
<p>user=[<!--#echo var="REMOTE_USER" -->]</p>
<p>name=[<!--#echo var="name" -->]</p>
<p>mail=[<!--#echo var="mail" -->]</p>
<p>class=[<!--#echo var="Shib-AuthnContext-Class" -->]</p>
<a href="/Shibboleth.sso/Logout?return=/">Uitloggen</a>
</html>
"""


#: A configuration that does nothing but load metadata, as strictly as can be.
_LOADER = Template("""\
<SPConfig xmlns="urn:mace:shibboleth:3.0:native:sp:config" clockSkew="180">
  <UnixListener address="$folder/shibd.sock"/>
  <ApplicationDefaults entityID="http://nobody.invalid/shibboleth">
    <Sessions cookieProps="https"><SSO>SAML2</SSO></Sessions>
    <Errors/>
    <MetadataProvider type="XML" validate="true" path="$folder/metadata.xml">
      <MetadataFilter type="Signature" certificate="$folder/operator.crt"/>
    </MetadataProvider>
  </ApplicationDefaults>
  <SecurityPolicyProvider type="XML" path="security-policy.xml"/>
  <ProtocolProvider type="XML" path="protocols.xml"/>
</SPConfig>
""")


def complaints(folder: Path, metadata: bytes, certificate: bytes) -> list[str]:
    """What shibd says against metadata that the key of a certificate has signed.

    It reads its configuration, loads the metadata, and ends. Nothing is said where it
    takes all of it.
    """
    (folder / "metadata.xml").write_bytes(metadata)
    (folder / "operator.crt").write_bytes(certificate)
    configuration = folder / "shibboleth2.xml"
    configuration.write_text(_LOADER.substitute(folder=folder))
    found = subprocess.run(
        [PROGRAM, "-t", "-c", configuration],
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    lines = (found.stdout + found.stderr).splitlines()
    return [line for line in lines if re.search(" (ERROR|CRIT|FATAL) ", line)]


def require_shibboleth() -> None:
    """Skip the test where a part is missing; fail where there has to be one."""
    # Which brings shibd along.
    require_module("mod_shib.so", "libapache2-mod-shib")


class HubFile(NamedTuple):
    """Metadata with the hub in it, and the certificate of who signed that, or None."""

    metadata: bytes
    signed_by: bytes | None = None


@dataclass(frozen=True)
class Site:
    """One participant; ``hub`` names the file with the hub as it knows it.

    The rest is in Shibboleth's words: ``settings`` of what is asked of the hub,
    attributes about logging in (``sso``) and ``messages``, and elements about logging
    out.
    """

    name: str
    hub: str = "hub.xml"
    settings: Mapping[str, str] = field(default_factory=dict)
    sso: str = ""
    messages: str = ""
    logout: str = LOGOUT


class Running(NamedTuple):
    """Both processes."""

    apache: Server
    shibd: Server


class Shibboleth:
    """Apache and shibd with their sites, for the hub ``hub_id``.

    ``hubs`` are what the sites know of it, by the file's name. ``folder`` has to be one
    that others can read.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        sites: tuple[Site, ...],
        hub_id: str,
        hubs: Mapping[str, HubFile],
    ) -> None:
        self._folder = folder / "shibd"
        self._folder.mkdir(parents=True)
        self._apache = Apache(folder / "apache", port, "mod_shib", "mod_shib.so")
        self._hub_id, self._hubs = hub_id, hubs
        for name, hub in hubs.items():
            self._write(name, hub.metadata)
            if hub.signed_by is not None:
                self._write(f"{name}.crt", hub.signed_by)
        self._write_logger("shibd", self._folder, "INFO")
        self._write_logger("mod_shib", self._apache.folder, "WARN")
        self._write("attributes.xml", _ATTRIBUTES.encode())
        applications = "\n".join(map(self._application, sites))
        text = _SP.substitute(folder=self._folder, applications=applications)
        self._configuration = self._write("shibboleth2.xml", text.encode())
        self._apache.configure(
            _PAGE, f"ShibConfig {self._configuration}", *map(self._site, sites)
        )

    @property
    def clock(self) -> Clock:
        """The time of day there."""
        return self._apache.clock

    def url(self, name: str, path: str = "/") -> str:
        """An address of a site."""
        return f"http://{name}{LOOPBACK}:{self._apache.port}{path}"

    def metadata(self, name: str) -> bytes:
        """The metadata of a site, as Shibboleth publishes it."""
        return fetch(self.url(name, "/Shibboleth.sso/Metadata"))

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Serve, by its clock."""
        (self._folder / "server.log").touch()
        user = hand_over(self._folder)
        command = [PROGRAM, "-F", "-f", "-c", self._configuration]
        shibd = _Shibd(self._folder, command, clock=self.clock, user=user)
        with shibd, self._apache.running() as apache:
            yield Running(apache, shibd)

    def _application(self, site: Site) -> str:
        key, certificate = new_key_pair(site.name)
        self._write(f"{site.name}.key", key)
        self._write(f"{site.name}.crt", certificate)
        signed = self._hubs[site.hub].signed_by is not None
        return _APPLICATION.substitute(
            name=site.name,
            url=self.url(site.name, ""),
            folder=self._folder,
            hub_id=self._hub_id,
            hub=site.hub,
            filters=_SIGNED.substitute(folder=self._folder, hub=site.hub)
            if signed
            else "",
            sso=site.sso,
            logout=site.logout,
            messages=site.messages,
        )

    def _site(self, site: Site) -> str:
        settings = [f"ShibRequestSetting {k} {v}" for k, v in site.settings.items()]
        return _SITE.substitute(
            name=site.name,
            host=site.name + LOOPBACK,
            port=self._apache.port,
            folder=self._apache.folder,
            settings="\n".join(settings),
        )

    def _write_logger(self, name: str, folder: Path, least: str) -> None:
        text = _LOGGER.substitute(file=folder / "server.log", least=least)
        self._write(f"{name}.logger", text.encode())

    def _write(self, name: str, octets: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(octets)
        return path


class _Shibd(Server):
    """It listens at a socket in its folder and not at a port."""

    def __enter__(self) -> Self:
        super().__enter__()
        deadline = time.monotonic() + PATIENCE
        while not (self.folder / "shibd.sock").exists():
            if time.monotonic() > deadline:
                self.__exit__()
                raise AssertionError(self.log)
            time.sleep(0.02)
        return self
