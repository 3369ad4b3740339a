"""The filter ``logout``, as the filter ``login`` around it calls it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from webob import Response

from eilogin.sessions import Login
from eilogin.web.pipeline.pipeline_objects import object_in
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True)
class LogoutForLogin:
    """The functions of ``logout`` that ``login`` needs."""

    call_hooks: Callable[[Visit, Login], None]
    #: Whether a request is at a logout address of the application (``app_logout``).
    is_app_logout: Callable[[Visit], bool]
    #: Carry out a pending logout; see :class:`.logout.pending_logouts.PendingLogouts`.
    carry_out: Callable[[Visit], Response]


class InnerLogout:
    """The filter ``logout`` inside an application; raises LookupError without one."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    @cached_property
    def _logout(self) -> LogoutForLogin:
        return object_in(self._app, LogoutForLogin)

    def call_hooks(self, visit: Visit, login: Login) -> None:
        """Call the hooks of ``on_logout`` for a login that has ended."""
        self._logout.call_hooks(visit, login)

    def is_way_out(self, visit: Visit) -> bool:
        """Return whether a person is at the application's own logout."""
        # From there eilogin sends nobody to the hub: they would return as from another
        # site.
        is_page = visit.is_looked_at and visit.fills_window
        return is_page and self._logout.is_app_logout(visit)

    def carry_out(self, visit: Visit) -> Response:
        """Carry out a pending logout; a status without a page, or a page."""
        return self._logout.carry_out(visit)
