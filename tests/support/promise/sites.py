"""The hub and the participants, each process with an ini file and stores of its own.

Visitors come to participants directly; what the hub has to say to them goes another way
(:mod:`promise.chaos`), which is what their metadata tells it.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eilogin_sites import CHEAP
from peer_servers import LOOPBACK, EiloginServe
from real_parts import free_ports
from unmeasured import unmeasured

from eilogin import clock
from eilogin.config import read
from eilogin.federation.local.local_options import OwnOptions, own_of
from eilogin.hub.signin.citizen_accounts import Citizen, to_json
from eilogin.saml.metadata import write_federation
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from promise import witness

HUB = "inloggen"
_SUPPORT = Path(__file__).parents[1]
PASSWORD = "wachtwoord"
_DAY = 86_400.0

_SERVERS = """\
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{visitors}
threads = {threads}

[server:back-channel]
use = egg:waitress#main
listen = 127.0.0.1:{servers}
threads = 16

[composite:main]
use = egg:eilogin#hosts
{hosts}
"""

_SITE = """
[pipeline:{name}]
pipeline = outside {name}-eilogin site

[filter:{name}-eilogin]
use = egg:eilogin
# The witness inside writes down by which cookie a page was served.
pass_session_cookie = true
{options}
"""

_WITNESSES = """
[filter:outside]
use = call:promise.witness:make_outside

[app:site]
use = egg:eilogin#wsgi
app = promise.witness:show_visitor
"""

_HUB = """
[pipeline:inloggen]
pipeline = session trust hub

[filter:session]
use = egg:eilogin#session
store = sqlite:///{folder}/inloggen.db

[filter:trust]
use = egg:eilogin#trust
{options}

[app:hub]
use = egg:eilogin#hub
citizens = {folder}/citizens.json
name_id_key = a key that only these tests know
logouts_at_once = 32
{hub_options}
"""

#: Everybody comes by a proxy that says who it is: or all would be of one network.
_ALL = {"trusted_proxies": "127.0.0.1"}


@dataclass(frozen=True)
class Process:
    """One that serves some sites, and may be killed."""

    sites: Sequence[str]
    ini_file: Path
    visitors: int
    servers: int
    server: EiloginServe


class Sites:
    """``count`` participants in some ``processes``, a hub in another one, and citizens.

    ``folder`` takes all files; ``citizens`` are who can sign in, and ``hub`` are
    options of the hub. Of each participant the metadata says that it takes SOAP at
    ``soap_port``.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a federation has so many parts
        self,
        folder: Path,
        count: int,
        processes: int,
        citizens: Sequence[str],
        soap_port: int,
        hub: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self.names = [f"p{number:02}" for number in range(count)]
        self._events = folder / "events"
        self._events.mkdir()
        ports = free_ports(2 * (processes + 1))
        pairs = list(zip(ports[::2], ports[1::2], strict=True))
        shares = [self.names[number::processes] for number in range(processes)]
        shares.append([HUB])
        made = [
            self._process(sites, *pair)
            for sites, pair in zip(shares, pairs, strict=True)
        ]
        *self.processes, self.hub = made
        self._of = {name: process for process in made for name in process.sites}
        options = {name: self._own(name, soap_port) for name in self._of}
        self._write_members(options)
        (folder / "citizens.json").write_bytes(to_json(map(_citizen, citizens)))
        for process in made:
            process.ini_file.write_text(self._ini(process, options, hub))

    def url(self, name: str, path: str = "/") -> str:
        """An address of a participant, or of the hub."""
        return f"http://{name}{LOOPBACK}:{self._of[name].visitors}{path}"

    def soap_ports(self) -> Mapping[str, int]:
        """Where each participant takes SOAP in truth, by its host."""
        return {f"{name}{LOOPBACK}": self._of[name].servers for name in self.names}

    def events(self) -> list[witness.Event]:
        """What the witnesses have written down until now."""
        return witness.read(self._events)

    def log(self) -> str:
        """What all processes have written."""
        made = (*self.processes, self.hub)
        return "".join(process.server.log for process in made)

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Serve them all, until the end of the block; some may be killed meanwhile."""
        made = (*self.processes, self.hub)
        try:
            # Each takes a while to start, and waits for none of the others.
            with ThreadPoolExecutor(len(made)) as pool:
                list(pool.map(lambda process: process.server.start(), made))
            yield self
        finally:
            for process in made:
                process.server.kill()

    def _process(self, sites: Sequence[str], visitors: int, servers: int) -> Process:
        folder = self._folder / f"serves-{sites[0]}"
        folder.mkdir()
        ini_file = folder / "paste.ini"
        environment = _environment(self._events)
        if sites == [HUB]:
            # It is killed and comes back, and what it counted is asked for at the end.
            numbers = folder / "numbers"
            numbers.mkdir()
            environment |= {"PROMETHEUS_MULTIPROC_DIR": str(numbers)}
        server = EiloginServe(ini_file, visitors, servers, environment=environment)
        return Process(sites, ini_file, visitors, servers, server)

    def _own(self, name: str, soap_port: int) -> dict[str, str]:
        port = self._of[name].servers if name == HUB else soap_port
        own = {
            "role": "hub" if name == HUB else "participant",
            "public_url": self.url(name, ""),
            "back_channel_url": f"http://{name}{LOOPBACK}:{port}",
            "name": f"Dienst {name}",
            "key": f"{self._folder}/{name}.key",
            "certificate": f"{self._folder}/{name}.crt",
        }
        # Both ways in which a login is answered.
        return own if name == HUB else own | {"acs": _acs_of(name)}

    def _write_members(self, options: Mapping[str, Mapping[str, str]]) -> None:
        for name in (*options, "federation"):
            self._write_key(name)
        entries = [
            own_of(read(OwnOptions, {}, said)).entry() for said in options.values()
        ]
        pair = [
            (self._folder / f"federation.{end}").read_bytes() for end in ("key", "crt")
        ]
        octets = write_federation(
            entries,
            name="Test",
            valid_until=clock.now() + _DAY,
            key=SigningKey.load(*pair),
        )
        (self._folder / "federation.xml").write_bytes(octets)

    def _write_key(self, name: str) -> None:
        key, certificate = new_key_pair(name)
        (self._folder / f"{name}.key").write_bytes(key)
        (self._folder / f"{name}.crt").write_bytes(certificate)

    def _ini(
        self,
        process: Process,
        options: Mapping[str, Mapping[str, str]],
        hub: Mapping[str, str],
    ) -> str:
        text = _SERVERS.format(
            visitors=process.visitors,
            servers=process.servers,
            threads=48 if process.sites == [HUB] else 16,
            hosts="\n".join(f"{name}{LOOPBACK} = {name}" for name in process.sites),
        )
        trusting = _ALL | {
            "federation": f"{self._folder}/federation.xml",
            "federation_certificate": f"{self._folder}/federation.crt",
        }
        if process.sites == [HUB]:
            return text + _HUB.format(
                folder=self._folder,
                options=_lines({**options[HUB], **trusting}),
                hub_options=_lines(hub),
            )
        for name in process.sites:
            said = {
                **options[name],
                **trusting,
                "store": f"sqlite:///{self._folder}/{name}.db",
                "protect": "/open optional",
            }
            text += _SITE.format(name=name, options=_lines(said))
        return text + _WITNESSES


def _environment(events: Path) -> dict[str, str]:
    """What a process needs to know its witnesses; it is not measured, but quick."""
    ours = unmeasured()
    paths = [str(_SUPPORT), *filter(None, [ours.get("PYTHONPATH")])]
    return ours | {"PYTHONPATH": os.pathsep.join(paths), witness.FOLDER: str(events)}


def _citizen(name: str) -> Citizen:
    return Citizen(name, name, name.title(), "900000016", CHEAP.hash(PASSWORD))


def _acs_of(name: str) -> str:
    return "artifact" if int(name[1:]) % 2 else "post"


def _lines(options: Mapping[str, str]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in options.items())
