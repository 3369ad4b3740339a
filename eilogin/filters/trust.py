"""Hold the federation, and publish this participant's own metadata.

``use = egg:eilogin#trust``. *Needs* ``session`` before it. *Reads* ``eilogin.session``.

*Writes*:

* ``eilogin.trust``, ``eilogin.address`` and, before Zope, ``eilogin.visible``;
* behind a proxy that ends TLS, ``wsgi.url_scheme`` and ``HTTP_HOST`` (``public_url``);
* None as ``eilogin.session``, for a session of another participant or a former hub.

*Changes in the answer*: answers ``/eilogin/metadata`` and ``/eilogin/language``,
``/eilogin/accessibility`` if there is a statement, ``/eilogin/metrics`` for a client
with ``metrics_token``, and 404 for unknown addresses below the prefix.

eilogin never builds a URL from a Host header. The filter also stands before the hub,
with ``role = hub``. Its options are in :mod:`eilogin.federation`, because other code
reads them too: ``members.trust_options``, ``local.local_options`` and
``local.site_options``.
"""

import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretBytes
from webob import Response

from eilogin import audit
from eilogin.config import placing, read
from eilogin.errors import (
    MethodNotAllowed,
    MountMismatch,
    NotFound,
    PathRefused,
    PipelineOrder,
)
from eilogin.federation import Membership, Trust
from eilogin.federation.local.local_entity import PARTICIPANT, script_names
from eilogin.federation.members.expiry_alarms import Alarms
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh.refresh_schedule import TrustUpdate, Watch
from eilogin.federation.trust_start import trust_of
from eilogin.participant.policy import zope_paths
from eilogin.participant.shared_trust_decisions import SharedDecisions
from eilogin.saml.metadata import write_entity
from eilogin.web import environ as env
from eilogin.web.metrics_address import Numbers
from eilogin.web.pages import accessibility_statement, themes
from eilogin.web.pages.page_frame import icon_answer, is_icon_asked
from eilogin.web.pages.page_languages import choose
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.security_headers import with_hsts
from eilogin.web.pipeline.inner_parts import MOUNT_CURE, require_inside
from eilogin.web.pipeline.pipeline_objects import PipelineObjects
from eilogin.web.pipeline.pipeline_parts import PipelinePart
from eilogin.web.public_origin import PublicOrigin
from eilogin.web.site_urls import root
from eilogin.web.untrusted_proxies import UntrustedProxies
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")


class TrustFilter(PipelinePart):
    """The filter; a new state of the federation replaces ``trust``."""

    eilogin_part = "trust"
    NEEDS = (env.SESSION,)
    WRITES = (env.TRUST, env.ADDRESS, env.VISIBLE)
    #: Not with ``role = hub``.
    NEEDS_INSIDE = ("identity",)
    WITHOUT = "nobody is trusted"

    def __init__(
        self,
        app: "WSGIApplication",
        trust: Trust,
        metrics_token: SecretBytes | None = None,
    ) -> None:
        themes.require(trust.own.templates)
        self.app = app
        self.trust = trust
        self._watch: Watch | _NoWatch = trust.watch or _NoWatch()
        self._watch.subscribe(self._swap)
        self._alarms = Alarms(trust.own.entity_id, lambda: self.trust.endings)
        # Also for a site without visitors.
        self._watch.in_each_round(self._alarms.see)
        self._decisions: SharedDecisions | None = None
        self._watch.in_each_round(self._share_decisions)
        self.pages = Pages()
        self._numbers = Numbers(metrics_token)
        self._entity_id = trust.own.entity_id
        self._addresses = trust.own.by_path
        self._below_prefix = trust.own.prefix + "/"
        self._origin = PublicOrigin(trust.own.public_url)
        self._proxies = UntrustedProxies(trust.own.entity_id, trust.trusted_proxies)
        self._script_names = script_names(trust.own.public_url)
        self._is_in_zope = trust.path_style == "zope"
        self._warn_of_zope()
        self._written = self._write_metadata()
        audit.event("configuration.loaded", peer=trust.own.entity_id)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Put the federation in environ, and call the application."""
        visit = Visit(environ)
        if not self._watch.is_awake:
            self._wake(visit)
        trust = environ[env.TRUST] = self.trust
        self._origin.tell(environ)
        self._proxies.look(visit)
        try:
            path = self._path(visit)
            login = visit.session_or_none
            if login is not None and (
                login.audience != self._entity_id
                or login.who.issuer not in trust.hub_ids
            ):
                # It is of another site with the same store, or of a former hub.
                environ[env.SESSION] = None
        except (PathRefused, MountMismatch, PipelineOrder) as error:
            refusal = self._refused(visit, error, "path")
            return refusal(environ, start_response)
        address = environ[env.ADDRESS] = self._addresses.get(path)
        if address is None:
            if path.startswith(self._below_prefix):
                return self._icon_or_nothing(visit)(environ, start_response)
            return self.app(environ, start_response)
        # Only at our own addresses, because other requests must not wait.
        self._alarms.see()
        answer = self._answer(visit, address)
        return (self.app if answer is None else answer)(environ, start_response)

    def hand_on(self, outer: PipelineObjects) -> Iterable[object]:
        """Return our own entity, and the other members of the federation."""
        return (self.trust,)

    def _answer(self, visit: Visit, address: str) -> Response | None:
        if address == "metadata":
            return self._own_metadata(visit)
        if address == "language":
            return self._language(visit)
        if address == "accessibility":
            return self._statement(visit)
        if address == "metrics" and self.trust.own.role == PARTICIPANT:
            return self._metrics(visit)
        return None

    def _warn_of_zope(self) -> None:
        # PasteDeploy builds the application before its filters.
        if not self._is_in_zope and "ZPublisher" in sys.modules:
            _log.warning(
                "%s: Zope is loaded, and path_style is plain. Zope finds a page "
                "under several paths, so a line of protect may not hold; "
                "expected path_style = zope if the application runs in Zope",
                self._entity_id,
            )

    def _wake(self, visit: Visit) -> None:
        self._share(visit)
        self._watch.wake()

    def _share(self, visit: Visit) -> None:
        if env.SESSIONS in visit.environ and isinstance(self._watch, Watch):
            self._decisions = SharedDecisions(
                self._watch.options,
                self._watch.folder,
                lambda: self.trust.own,
                visit.sessions.store,
            )

    def _share_decisions(self) -> None:
        if self._decisions is not None:
            self._decisions.share()

    def _swap(self, _: Membership, update: TrustUpdate) -> None:
        self.trust = replace(self.trust, **update._asdict())
        self._alarms.look_again()

    def _path(self, visit: Visit) -> str:
        environ = visit.environ
        if environ.get("SCRIPT_NAME", "") not in self._script_names:
            raise self._misplaced(visit)
        if not self._is_in_zope:
            path: str = environ.get("PATH_INFO", "")
            return path
        visible = zope_paths.visible(
            visit, self.trust.own.mount, self.trust.trusted_proxies
        )
        environ[env.VISIBLE] = visible
        return visible.below

    def _own_metadata(self, visit: Visit) -> Response:
        try:
            visit.allow_only("GET", "HEAD")
        except MethodNotAllowed as error:
            return self._refused(visit, error, "address")
        answer = Response(
            body=self._metadata(), content_type="application/samlmetadata+xml"
        )
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return with_hsts(visit, answer)

    def _statement(self, visit: Visit) -> Response:
        try:
            return accessibility_statement.page(visit, self.pages)
        except (NotFound, MethodNotAllowed) as error:
            return self._refused(visit, error, "address")

    def _metrics(self, visit: Visit) -> Response:
        try:
            return self._numbers.respond(visit, self.trust)
        except (NotFound, MethodNotAllowed) as error:
            return self._refused(visit, error, "address")

    def _language(self, visit: Visit) -> Response:
        try:
            return with_hsts(visit, choose(visit))
        except MethodNotAllowed as error:
            return self._refused(visit, error, "address")

    def _metadata(self) -> bytes:
        # It changes when a key starts or stops.
        own = self.trust.own
        if self._written[0] != (own.published_keys, own.encryption_keys):
            self._written = self._write_metadata()
        return self._written[1]

    def _write_metadata(self) -> tuple[object, bytes]:
        own = self.trust.own
        keys = own.published_keys, own.encryption_keys
        return keys, write_entity(own.descriptor(), own.key)

    def _misplaced(self, visit: Visit) -> MountMismatch:
        # Another application would get the hub's Responses.
        own, script = self.trust.own, visit.environ["SCRIPT_NAME"]
        return MountMismatch(
            f"found SCRIPT_NAME {script!r}, where the server or a composite (urlmap)"
            f" has mounted this site; expected {own.mount or '/'!r}, the path of"
            f" public_url ({own.public_url}), because the hub sends its answers there;"
            f" {MOUNT_CURE}"
        )

    def _icon_or_nothing(self, visit: Visit) -> Response:
        if is_icon_asked(visit):
            return with_hsts(visit, icon_answer(visit))
        return self._not_found(visit)

    def _not_found(self, visit: Visit) -> Response:
        error = NotFound("eilogin has no such address")
        return self._refused(visit, error, "address")

    def _refused(self, visit: Visit, error: Exception, event: str) -> Response:
        website = root(self.trust.own.public_url)
        return self.pages.refuse(visit, error, event=event, again=website)


class _NoWatch:
    """A substitute for :class:`Watch`, if nothing is refreshed."""

    is_awake = True

    def subscribe(self, callback: object) -> None:
        """Ignore the callback."""

    def in_each_round(self, do: object) -> None:
        """Ignore the function: nothing runs between requests."""

    def wake(self) -> None:
        """Do nothing: it is always awake."""


def make_trust(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> TrustFilter:
    """Make the filter ``egg:eilogin#trust`` for PasteDeploy."""
    options = read(TrustOptions, global_conf, local_conf)
    if options.role == PARTICIPANT:
        needed = TrustFilter.NEEDS_INSIDE
        require_inside(app, needed, TrustOptions, global_conf, local_conf)
    trust = trust_of(options)
    with placing(TrustOptions, global_conf, local_conf):
        return TrustFilter(app, trust, options.metrics_token)
