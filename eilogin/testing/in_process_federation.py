"""A hub and participants in one process, with real keys and real messages."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import argon2
from webob import Request

from eilogin import clock
from eilogin.config import Options, read
from eilogin.errors import PeerUnavailable
from eilogin.federation import Trust
from eilogin.federation.local.local_options import OwnOptions, own_of
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.trust_start import trust_of
from eilogin.filters.login import LoginFilter
from eilogin.filters.participant import ParticipantOptions, participant
from eilogin.filters.session import SessionFilter
from eilogin.filters.session_options import SessionOptions
from eilogin.filters.trust import TrustFilter
from eilogin.http_client import (
    NO_VALIDATORS,
    BackChannel,
    PeerResponse,
    Reachability,
    Validators,
    failed,
)
from eilogin.hub.hub_app import Hub
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.hub_options import HubOptions
from eilogin.hub.signin.citizen_accounts import (
    DEMO_PASSWORDS,
    Citizen,
    demo_citizens,
    to_json,
)
from eilogin.participant.logout.operator_logout import OperatorLogout
from eilogin.saml.metadata import write_federation
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.testing.strict_browser import Browser
from eilogin.web.pipeline.pipeline_objects import object_in

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HUB = "inloggen.test"
_DAY = 86400.0
#: From 2020-01-01 on, for a hundred years.
_CERTIFIED_FROM, _CERTIFIED_DAYS = 1_577_836_800.0, 36_525
#: Cheap, because tests sign in often.
_CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Federation:
    """A hub at ``https://inloggen.test`` and a participant for each host in ``apps``.

    ``hub`` is another host for the hub. ``folder`` takes keys, certificates and
    metadata. ``options`` are those of ``egg:eilogin`` by host, over sensible defaults
    (a memory store, artifacts); ``hub_options`` those of the hub and its filters.
    ``rules`` are the operator's rules by host, as fields of
    :class:`~eilogin.saml.metadata.EntityDescriptor` (``sso_domain``,
    ``required_level``, ``released``). The object is a WSGI app for all hosts. Citizens
    are those of the demo, such as ``anna`` with password ``demo-anna``.
    """

    def __init__(  # noqa: PLR0913 - what a federation is made of
        self,
        folder: Path,
        apps: "Mapping[str, WSGIApplication]",
        *,
        options: Mapping[str, Mapping[str, str]] | None = None,
        hub_options: Mapping[str, str] | None = None,
        rules: Mapping[str, Mapping[str, Any]] | None = None,
        hub: str = HUB,
    ) -> None:
        self.folder = folder
        #: Hosts that do not answer on the back channel.
        self.down: set[str] = set()
        #: Each call as (url, body).
        self.back_channel_log: list[tuple[str, bytes]] = []
        self.trusts: dict[str, Trust] = {}
        self._hub_host = hub
        self._hub_options = dict(hub_options or {})
        self._rules = rules or {}
        options_by_host = {host: dict((options or {}).get(host, {})) for host in apps}
        members = {hub: {"role": "hub", **self._hub_options}, **options_by_host}
        self._with_folder = {
            host for host, member_options in members.items() if "keys" in member_options
        }
        self._write_members(members)
        self.apps: dict[str, WSGIApplication] = {hub: self._hub()}
        for host, app in apps.items():
            self.apps[host] = self._participant(host, app, options_by_host[host])

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Dispatch by host name."""
        host = environ["HTTP_HOST"].partition(":")[0]
        # No thread outlives a test: see deliver().
        environ["wsgi.run_once"] = True
        return self.apps[host](environ, start_response)

    def browser(self) -> Browser:
        """Return a new browser without cookies."""
        return Browser(self)

    def work(self) -> int:
        """Have the hub retry due logouts; return how many succeeded."""
        return object_in(self.apps[self._hub_host], HubJobs).work()

    def report_activity(self) -> int:
        """Have participants send due activity reports; count the answered ones."""
        count = 0
        for outermost in self.apps.values():
            app: Any = outermost
            while app is not None:
                if isinstance(app, LoginFilter):
                    count += app.activity.send()
                app = getattr(app, "app", None)
        return count

    def deliver(self, host: str) -> int:
        """Have a participant send pending logouts; return how many the hub received."""
        return object_in(self.apps[host], OperatorLogout).deliver()

    # --- its members ----------------------------------------------------------------

    def _write_members(self, members: Mapping[str, Mapping[str, str]]) -> None:
        self.key = _key("federation.test")
        self._write("federation.crt", _pair("federation.test")[1])
        descriptors = []
        for host, member_options in members.items():
            key, certificate = _pair(host)
            self._write(f"{host}.key", key)
            self._write(f"{host}.crt", certificate)
            own_values = {
                k: v for k, v in member_options.items() if k in OwnOptions.model_fields
            }
            options = read(OwnOptions, {}, {**self._own(host), **own_values})
            entry = own_of(options).entry()
            descriptors.append(replace(entry, **self._rules.get(host, {})))
        octets = write_federation(
            descriptors,
            name="Test",
            valid_until=clock.now() + 300 * _DAY,
            key=self.key,
        )
        self._write("federation.xml", octets)
        self._write("citizens.json", to_json(_citizens()))

    def _write(self, name: str, octets: bytes) -> None:
        (self.folder / name).write_bytes(octets)

    def _own(self, host: str) -> dict[str, str]:
        values = {"public_url": f"https://{host}"}
        if host not in self._with_folder:
            values["key"] = str(self.folder / f"{host}.key")
            values["certificate"] = str(self.folder / f"{host}.crt")
        return values

    def _trusting(self, host: str) -> dict[str, str]:
        return {
            **self._own(host),
            "federation": str(self.folder / "federation.xml"),
            "federation_certificate": str(self.folder / "federation.crt"),
        }

    def _trust(self, host: str, options: TrustOptions) -> Trust:
        trust = trust_of(options)
        back_channel = _InProcess(self, trust.back_channel.timeout)
        self.trusts[host] = replace(trust, back_channel=back_channel)
        return self.trusts[host]

    def _hub(self) -> "WSGIApplication":
        values = {
            "citizens": str(self.folder / "citizens.json"),
            "name_id_key": "a key that only this test knows",
            "demo": "true",
            "store": "memory:",
            # A test starts it: see work().
            "work": "false",
            "role": "hub",
            **self._trusting(self._hub_host),
            **self._hub_options,
        }
        hub = Hub(read(HubOptions, {}, _of(HubOptions, values)))
        # Numeric options are for the hub alone.
        trust_values = {
            k: v for k, v in values.items() if k not in HubOptions.model_fields
        }
        trust_options = read(TrustOptions, {}, _of(TrustOptions, trust_values))
        trust = self._trust(self._hub_host, trust_options)
        session_options = read(SessionOptions, {}, _of(SessionOptions, values))
        return SessionFilter(TrustFilter(hub, trust), session_options)

    def _participant(
        self, host: str, app: "WSGIApplication", own_values: Mapping[str, str]
    ) -> "WSGIApplication":
        options = read(
            ParticipantOptions,
            {},
            {"store": "memory:", **self._trusting(host), **own_values},
        )
        return participant(app, options, self._trust(host, options))


class _InProcess(BackChannel):
    def __init__(self, federation: Federation, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._federation = federation

    def post(self, url: str, body: bytes, *, timeout: float | None = None) -> bytes:
        """Call the app at ``url``; PeerUnavailable if it is down."""
        self._federation.back_channel_log.append((url, body))
        if self._is_down(url):
            raise PeerUnavailable(f"{url}: down")
        request = Request.blank(url, method="POST")
        request.body_file = BytesIO(body)
        request.content_length = len(body)
        request.content_type = "text/xml"
        response = request.get_response(self._federation)
        if response.status_int != 200:  # noqa: PLR2004
            raise failed(
                url,
                response.status_int,
                response.body,
                request=body,
                content_type=response.headers.get("Content-Type", ""),
            )
        return response.body

    def get(
        self,
        url: str,
        accept: str,
        *,
        longest: int,
        timeout: float | None = None,
        validators: Validators = NO_VALIDATORS,
    ) -> PeerResponse:
        """Call the app; ``validators`` and ``longest`` have no effect."""
        if self._is_down(url):
            raise PeerUnavailable(f"{url}: down")
        request = Request.blank(url, accept=accept)
        response = request.get_response(self._federation)
        return PeerResponse(
            response.status_int,
            response.location or "",
            response.content_type or "",
            response.body,
            None,
        )

    def look(self, url: str, *, timeout: float = 2.0) -> Reachability:
        """Report every host as present that is not down."""
        return Reachability.AWAY if self._is_down(url) else Reachability.THERE

    def _is_down(self, url: str) -> bool:
        return urlsplit(url).hostname in self._federation.down


def _of(declared: type[Options], values: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in values.items() if k in declared.model_fields}


@cache
def _pair(host: str) -> tuple[bytes, bytes]:
    """Return a key and its certificate for a host, made once because that is slow."""
    return new_key_pair(host, _CERTIFIED_DAYS, begins=_CERTIFIED_FROM)


@cache
def _key(host: str) -> SigningKey:
    return SigningKey.load(*_pair(host))


@cache
def _citizens() -> tuple[Citizen, ...]:
    return tuple(
        replace(citizen, password=_CHEAP.hash(DEMO_PASSWORDS[citizen.username]))
        for citizen in demo_citizens()
    )
