"""Notes on settings that leave a site or its files open to others."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from eilogin.cli.checks.check_notes import Note
from eilogin.cli.inifiles.ini_pipelines import APPS, Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.config import Options, is_loopback
from eilogin.federation.members.trust_options import TrustOptions


def without_server(file: IniFile) -> Iterator[Note]:
    """Note an application without a server."""
    if file.of_kind(*APPS) and not file.of_kind("server"):
        text = (
            "there is no [server:main], so 'eilogin serve' cannot serve this "
            "file; gunicorn and mod_wsgi do not need that section"
        )
        yield Note("", "", text, "no-server")


def behind_a_proxy(
    part: Part, options: Options, servers: Iterable[Part]
) -> Iterator[Note]:
    """Note a proxy without ``trusted_proxies``: all visitors count as one client."""
    if not isinstance(options, TrustOptions):
        return
    if options.trusted_proxies or not options.public_url.startswith("https:"):
        return
    for server in servers:
        if is_local_server(server):
            text = (
                f"[{server.title}] listens only on this machine, and 'public_url' "
                "is https, so there is a proxy in front of it. Without this "
                "option all visitors count as one client network. If one visitor "
                "reaches a limit, such as of wrong passwords at a hub, it "
                "applies to all; expected the address of the proxy, such as "
                "127.0.0.1"
            )
            yield Note.at(part, "trusted_proxies", text, "no-proxies")
            return


def is_local_server(server: Part) -> bool:
    """Return whether a waitress listens on this machine alone."""
    if server.distribution != "waitress":
        return False
    addresses = server.options.get("listen") or server.options.get("host", "")
    hosts = [urlsplit(f"//{address}").hostname or "" for address in addresses.split()]
    return bool(hosts) and all(map(is_loopback, hosts))
