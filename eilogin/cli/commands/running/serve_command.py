"""``eilogin serve FILE``: check an ini file, then serve all its servers.

Every ``[server:NAME]`` serves the application ``main`` with its own threads. So
visitors cannot take all threads of the back channel.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from paste.deploy.loadwsgi import APP
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from eilogin.cli.checks.configuration_check import check
from eilogin.cli.commands.check_command import print_steps
from eilogin.cli.commands.command_setup import set_up_logging, variables_of
from eilogin.cli.commands.running.loaded_members import wake_members
from eilogin.cli.inifiles.ini_pipelines import Part, Pipelines
from eilogin.cli.inifiles.ini_sections import NO_CHANGES, Changes, IniFile, loader_of
from eilogin.cli.serving.accept_pause import Accepting
from eilogin.cli.serving.large_bodies import answer_large_bodies
from eilogin.cli.serving.proxy_warnings import watch
from eilogin.cli.serving.server_limits import quiet_queue, with_limits
from eilogin.cli.serving.slow_clients import SlowClients
from eilogin.cli.serving.stop_signals import Stop, signals
from eilogin.cli.terminal.reports import print_faults, print_notes, reporting_errors
from eilogin.errors import ConfigurationError, EiloginError
from eilogin.web.untrusted_proxies import UntrustedProxies

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: Seconds that pending requests get to finish when the server stops.
_GRACE = 10.0

#: Options of waitress by which a section sets its own trusted proxies.
_WAITRESS_PROXY_OPTIONS = {"trusted_proxy", "clear_untrusted_proxy_headers"}


def serve_file(file: Path, variables: Sequence[str]) -> None:
    """Check a paste ini file, then serve each of its ``[server:NAME]`` sections."""
    serve(file, variables_of(variables))


def serve(
    file: Path,
    variables: Mapping[str, str],
    greeting: Sequence[str] = (),
    wrap: "Callable[[WSGIApplication], WSGIApplication] | None" = None,
    changes: Changes = NO_CHANGES,
) -> None:
    """Serve a file until a signal comes; ``SystemExit`` 1 if it has faults.

    ``greeting`` replaces the lines with the addresses. ``changes`` replace options of
    the file.
    """
    ini = IniFile.read(file, variables, changes)
    checked = check(ini)
    if checked.faults:
        print_faults(checked.faults)
        print_steps(checked.steps)
        raise SystemExit(1)
    print_notes(checked.remarks, err=True)
    with reporting_errors():
        set_up_logging(ini)
        parts = [_with_forwarded_headers(ini, part) for part in _servers(ini)]
        app = _application(file, variables, changes)
        if wrap is not None:
            app = wrap(app)
        # A reader of the printed lines may send a signal at once, so this comes first.
        with _listening(file, parts, app) as servers, signals() as stop:
            lines = [f"serving on {', '.join(server.addresses)}" for server in servers]
            for line in greeting or lines:
                click.echo(line)
            sys.stdout.flush()
            wake_members(ini, app)
            _run(servers, stop)


def _servers(ini: IniFile) -> list[Part]:
    pipelines = Pipelines(ini)
    parts = [pipelines.part(section) for section in ini.of_kind("server")]
    if not parts:
        raise ConfigurationError(
            f"{ini.path}: there is no section [server:main] to serve"
        )
    for part in parts:
        if part.distribution != "waitress":
            raise ConfigurationError(
                f"{ini.path}: [{part.title}] use: found '{part.use}'; expected "
                "egg:waitress#main. Other servers have their own commands"
            )
    return parts


def _with_forwarded_headers(ini: IniFile, server: Part) -> Part:
    """Let a server keep X-Forwarded-For if a filter has ``trusted_proxies``."""
    pipelines, filters = Pipelines(ini), ini.of_kind("filter", "filter-app")
    filter_options = (pipelines.part(section).options for section in filters)
    has_trusted_proxy = any(
        options.get("trusted_proxies", "").strip() for options in filter_options
    )
    if not has_trusted_proxy or server.options.keys() & _WAITRESS_PROXY_OPTIONS:
        return server
    server_options = {**server.options, "clear_untrusted_proxy_headers": "false"}
    return replace(server, options=server_options)


def _application(
    file: Path, variables: Mapping[str, str], changes: Changes
) -> "WSGIApplication":
    try:
        # As loadapp does, which takes no changes.
        loader = loader_of(file.absolute(), variables, changes)
        context = loader.get_context(APP, "main", dict(variables))
        app: WSGIApplication = context.create()
    except EiloginError:
        raise
    except Exception as error:
        # PasteDeploy raises these for a missing section or an unreadable file.
        if type(error) is LookupError or isinstance(error, OSError):
            raise ConfigurationError(f"{file}: {error}") from error
        click.echo(f"{file}: an application of this file failed to start:", err=True)
        raise
    return app


@dataclass(frozen=True)
class _ListeningServer:
    """A listening ``[server:NAME]``, with the sockets of its own loop."""

    waitress: Any
    sockets: dict[int, Any]
    addresses: Sequence[str]

    def run(self, stop: Stop) -> None:
        """Answer until ``stop`` is set, then let pending requests finish."""
        adjustments = self.waitress.adj
        acceptors = [
            Accepting(item)
            for item in self.sockets.values()
            if isinstance(item, BaseWSGIServer)
        ]
        slow = SlowClients(self.sockets)
        try:
            while not stop.is_set:
                slow.close()
                for acceptor in acceptors:
                    acceptor.resume()
                wasyncore.loop(
                    timeout=adjustments.asyncore_loop_timeout,
                    use_poll=adjustments.asyncore_use_poll,
                    map=self.sockets,
                    count=1,
                )
            self._finish()
        finally:
            # If one server fails, all stop, so that no half service remains.
            stop.set()

    def _finish(self) -> None:
        for item in self.sockets.values():
            if isinstance(item, BaseWSGIServer):
                item.accepting = False
        deadline = time.monotonic() + _GRACE
        while self._is_busy() and time.monotonic() < deadline:
            wasyncore.loop(timeout=0.1, map=self.sockets, count=1)

    def _is_busy(self) -> bool:
        return any(
            isinstance(item, HTTPChannel) and (item.requests or item.total_outbufs_len)
            for item in self.sockets.values()
        )

    def close(self) -> None:
        self.waitress.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self.sockets, ignore_all=True)


@contextlib.contextmanager
def _listening(
    file: Path, parts: Sequence[Part], app: "WSGIApplication"
) -> Iterator[list[_ListeningServer]]:
    """Open all servers; raise ConfigurationError for one that cannot listen."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet_queue())
        proxies = UntrustedProxies(str(file), ())
        servers = []
        for part in parts:
            sockets: dict[int, Any] = {}
            adjustments: dict[str, Any] = with_limits(part.options, servers=len(parts))
            # If one of several addresses fails, this closes the sockets of the others.
            stack.callback(wasyncore.close_all, sockets, ignore_all=True)
            try:
                waitress = create_server(app, map=sockets, **adjustments)
            except OSError as error:
                address = _configured_address(part)
                raise ConfigurationError(
                    f"{file}: [{part.title}] cannot listen on {address}: "
                    f"{error.strerror or error}"
                ) from error
            answer_large_bodies(sockets.values())
            if not part.options.keys() & _WAITRESS_PROXY_OPTIONS:
                watch(sockets.values(), proxies)
            server = _ListeningServer(waitress, sockets, _addresses(waitress))
            stack.callback(server.close)
            servers.append(server)
        yield servers


def _configured_address(part: Part) -> str:
    options = part.options
    if "listen" in options or "unix_socket" in options:
        return options.get("listen", options.get("unix_socket", ""))
    return f"{options.get('host', '0.0.0.0')}:{options.get('port', '8080')}"  # noqa: S104 - waitress's own default


def _addresses(waitress: Any) -> list[str]:
    if hasattr(waitress, "effective_listen"):
        pairs = waitress.effective_listen
    else:
        pairs = [(waitress.effective_host, waitress.effective_port)]
    return [
        f"unix:{port}"
        if host == "unix"
        else f"http://[{host}]:{port}"
        if ":" in host
        else f"http://{host}:{port}"
        for host, port in pairs
    ]


def _run(servers: Sequence[_ListeningServer], stop: Stop) -> None:
    """Run each server in a thread until one of them ends or ``stop`` is set."""
    threads = [
        threading.Thread(target=server.run, args=[stop], daemon=True)
        for server in servers
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()
