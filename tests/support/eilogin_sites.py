"""Our own side as a sysadmin has it: one ini file, ``eilogin serve``, and its sites.

The federation is the metadata of all, as each of them publishes it: signed by its
operator, or, where there is one hub and nothing else, the file that the hub gave. Our
hub may stand behind another one, which its operator does not know of.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import argon2
import pyotp
from key_pairs import key_pair
from lxml import etree
from peer_servers import LOOPBACK, Clock, EiloginServe, Server
from real_parts import free_ports

from eilogin.cli.inifiles.ini_members import is_member, own_of_part, parts_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.hub.hub_options import HubOptions
from eilogin.hub.signin.citizen_accounts import Citizen, demo_citizens, to_json
from eilogin.saml import safe_xml, xml_signatures
from eilogin.saml.metadata import write_entity
from eilogin.saml.signing_keys import SigningKey

HUB = "inloggen"
#: The filters before our hub that have a hub above sign citizens in.
ABOVE = "above"
#: What every citizen types.
PASSWORD = "demo-anna"
#: A password costs next to nothing here: who signs in is not what is tried.
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
#: From which the codes of all are made.
_CODES = pyotp.TOTP(pyotp.random_base32())
#: So many of them there are: one for each test, whom no other test logs out.
_PERSONS = 300

_SERVERS = """\
[DEFAULT]
var = %(here)s/var
port = {visitors}

[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{visitors}
threads = 8

[server:back-channel]
use = egg:waitress#main
listen = 127.0.0.1:{servers}
threads = 8

[composite:main]
use = egg:eilogin#hosts
{hosts}

[app:site]
use = egg:eilogin#wsgi
app = seen:show_visitor
path = {support}
"""

_MEMBER = """
[filter:{name}-{kind}]
use = egg:eilogin{filter}
public_url = http://{host}.localhost:{visitors}
back_channel_url = http://{host}.localhost:{servers}
name = {title}
{options}
"""

_STORE = {"store": "sqlite:///%(var)s/eilogin.db"}

_HUB = """
[pipeline:inloggen]
pipeline = {filters} inloggen-session inloggen-trust inloggen-hub

[filter:inloggen-session]
use = egg:eilogin#session
store = sqlite:///%(var)s/eilogin.db

[app:inloggen-hub]
use = egg:eilogin#hub
name_id_key = file:%(var)s/name-id.key
{options}
"""
_SIGNS_IN_ITSELF = {"citizens": "%(var)s/citizens.json", "demo": "true"}

_BEHIND = {"hub_inside": "/", "cookie": "eilogin-above", "protect": "/ optional"}

_LOGGING = """
[loggers]
keys = root

[handlers]
keys = log

[formatters]
keys = line

[logger_root]
level = INFO
handlers = log

[handler_log]
class = StreamHandler
args = (sys.stderr,)
formatter = line

[formatter_line]
format = %(asctime)s %(levelname)s %(name)s %(message)s
"""

_OF_OPERATOR = {"federation_certificate": "%(var)s/federation.crt"}
_AS_IT_LIES = {"federation_unsigned": "true"}
#: A busy machine must not look like a peer that is down.
_PATIENT = {"back_channel_timeout": "30s"}

_AGGREGATE = (
    '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_all"'
    ' validUntil="2099-01-01T00:00:00Z"/>'
)


class Ours:
    """Sites of ours by name, each with its options; and the hub, where that has any.

    Those of the hub are its own and those of the filter ``trust`` before it.

    ``folder`` takes all files. Before they are served, :meth:`join` says whom they
    trust: the operator signs that, unless it is not ``signed``. The hub is behind
    another one where ``above`` has options of the filters before it: of that one
    :meth:`stand_behind` tells.
    """

    def __init__(
        self,
        folder: Path,
        sites: Mapping[str, Mapping[str, str]],
        hub: Mapping[str, str] | None = None,
        *,
        above: Mapping[str, str] | None = None,
        signed: bool = True,
    ) -> None:
        self.folder = folder
        self.port, self.back_port = free_ports(2)
        self._var = folder / "var"
        self._is_signed = signed
        self._sites, self._hub, self._above = sites, hub, above
        self._ini_file = folder / "paste.ini"
        self._write_ini(["federation.xml"])
        self._write_belongings([*sites, HUB, ABOVE, "federation"])

    def url(self, name: str, path: str = "/") -> str:
        """An address of a site, or of the hub."""
        return f"http://{name}{LOOPBACK}:{self.port}{path}"

    def metadata(self, name: str) -> bytes:
        """The metadata of a site, as it publishes it: before it runs, too.

        ``above`` has that of our hub as a participant.
        """
        return metadata_of(self._ini_file, f"filter:{name}-")

    def key(self, name: str) -> SigningKey:
        """The key of a site, of the hub, or of the operator: ``federation``."""
        pair = [(self._var / f"{name}.{end}").read_bytes() for end in ("key", "crt")]
        return SigningKey.load(*pair)

    def join(self, *metadata: bytes) -> None:
        """Have the federation consist of these members, as they are."""
        if self._is_signed:
            (self._var / "federation.xml").write_bytes(self._aggregate(metadata))
            return
        names = [f"member-{number}.xml" for number in range(len(metadata))]
        for name, octets in zip(names, metadata, strict=True):
            (self._var / name).write_bytes(octets)
        self._write_ini(names)

    def stand_behind(self, metadata: bytes) -> None:
        """Have this be the hub above ours."""
        (self._var / "above.xml").write_bytes(metadata)

    def _aggregate(self, metadata: Iterable[bytes]) -> bytes:
        """What the operator signs, and publishes."""
        aggregate = etree.fromstring(_AGGREGATE)
        for octets in metadata:
            entity = etree.fromstring(octets)
            # The operator's own signature says that all of it is so.
            for signature in entity.findall(safe_xml.q("ds:Signature")):
                entity.remove(signature)
            aggregate.append(entity)
        xml_signatures.sign(aggregate, self.key("federation"))
        return etree.tostring(aggregate)

    def server(
        self,
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> EiloginServe:
        """What serves them, once it is entered."""
        return EiloginServe(
            self._ini_file,
            self.port,
            self.back_port,
            clock=clock,
            environment=environment,
        )

    @contextmanager
    def running(self, clock: Clock | None = None) -> Iterator[Server]:
        """Serve, and see afterwards that nothing broke and nobody was named."""
        with self.server(clock) as server:
            yield server
        assert "Traceback" not in server.log, server.log
        assert not re.search(r"demo-anna|900000[0-9]{3}", server.log)

    def _write_belongings(self, names: Iterable[str]) -> None:
        self._var.mkdir()
        for name in names:
            key, certificate = key_pair(name)
            (self._var / f"{name}.key").write_bytes(key)
            (self._var / f"{name}.crt").write_bytes(certificate)
        (self._var / "citizens.json").write_bytes(to_json(_persons()))
        (self._var / "name-id.key").write_text("a key that only these tests know")

    def _write_ini(self, files: Iterable[str]) -> None:
        """Write the file, with these of the folder as the federation."""
        self._federation = "\n    ".join(f"%(var)s/{name}" for name in files)
        self._ini_file.write_text(self._ini())

    def _ini(self) -> str:
        sites, hub = self._sites, self._hub
        names = [*sites, *([HUB] if hub is not None else [])]
        text = _SERVERS.format(
            visitors=self.port,
            servers=self.back_port,
            hosts="\n".join(f"{name}{LOOPBACK} = {name}" for name in names),
            support=Path(__file__).parent,
        )
        for name, options in sites.items():
            text += f"\n[pipeline:{name}]\npipeline = {name}-eilogin site\n"
            text += self._member(name, "eilogin", _STORE | {**options})
        if hub is not None:
            text += self._hub_with({**hub})
        return text + _LOGGING

    def _hub_with(self, options: dict[str, str]) -> str:
        trusting = {
            k: v for k, v in options.items() if k not in HubOptions.model_fields
        }
        options = {k: v for k, v in options.items() if k not in trusting}
        text, filters = self._member(HUB, "trust", {"role": "hub"} | trusting), ""
        if self._above is None:
            options = _SIGNS_IN_ITSELF | options
        else:
            filters = f"{ABOVE}-eilogin"
            text += self._member(ABOVE, "eilogin", _STORE | _BEHIND | {**self._above})
        return _HUB.format(filters=filters, options=_lines(options)) + text

    def _member(self, name: str, filter_: str, options: dict[str, str]) -> str:
        if name == ABOVE:
            federation = {"federation": "%(var)s/above.xml", **_AS_IT_LIES}
        else:
            trusted = _OF_OPERATOR if self._is_signed else _AS_IT_LIES
            federation = {"federation": f"\n    {self._federation}", **trusted}
        return _MEMBER.format(
            name=name,
            # Our hub is one site, for who is above it as for who is below.
            host=HUB if name == ABOVE else name,
            title=name.capitalize(),
            kind=filter_,
            filter="" if filter_ == "eilogin" else f"#{filter_}",
            visitors=self.port,
            servers=self.back_port,
            options=_lines(_PATIENT | federation | _key_of(name, options) | options),
        )


def metadata_of(ini_file: Path, section: str = "filter:") -> bytes:
    """The metadata of the first member of a file whose section begins so."""
    ini = IniFile.read(ini_file)
    for part in parts_of(ini):
        if is_member(part) and part.title.startswith(section):
            own = own_of_part(ini, part)
            return write_entity(own.descriptor(), own.key)
    raise AssertionError(f"no {section!r} in {ini_file}")


def person(number: int) -> str:
    """The name of a citizen, as she types it."""
    assert number < _PERSONS
    return f"anna{number}"


def code() -> str:
    """What the app of any citizen shows now."""
    return _CODES.now()


def _persons() -> Iterator[Citizen]:
    anna = next(one for one in demo_citizens() if one.username == "anna")
    hashed = CHEAP.hash(PASSWORD)
    for number in range(_PERSONS):
        name = person(number)
        yield replace(
            anna,
            id=name,
            username=name,
            password=hashed,
            totp_secret=_CODES.secret,
            email=f"{name}@example.nl",
        )


def _key_of(name: str, options: Mapping[str, str]) -> dict[str, str]:
    """The one key of a site, where it has no folder of them."""
    if "keys" in options:
        return {}
    return {"key": f"%(var)s/{name}.key", "certificate": f"%(var)s/{name}.crt"}


def _lines(options: Mapping[str, str]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in options.items())
