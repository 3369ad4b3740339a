"""Answer a request whose body is above ``max_request_body_size`` with a page.

waitress itself answers before the browser has sent the body, which then often shows an
error of its own. So this server first reads and drops the rest of the body.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

from eilogin.config import shown_size
from eilogin.errors import MessageTooLarge
from eilogin.web.pages.page_rendering import Pages, json_answer
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Bytes of the largest body that the server reads to its end.
_LARGEST_DROPPED = 256 * 1024**2

_pages = Pages()


def answer_large_bodies(sockets: Iterable[Any]) -> None:
    """Let each server of waitress among these sockets answer with the page."""
    for item in sockets:
        if isinstance(item, BaseWSGIServer):
            item.channel_class = _Channel


class _Parser(HTTPRequestParser):
    """A request that, if too large, is complete when its whole body has arrived."""

    _left_to_drop = 0

    def received(self, data: bytes) -> int:
        """Read data; return how many of its bytes belong to this request."""
        if self._left_to_drop:
            count = min(len(data), self._left_to_drop)
            self._left_to_drop -= count
            # ``slow_clients`` counts these bytes too.
            self.body_bytes_received += count
            self.completed = not self._left_to_drop
            return count
        consumed: int = super().received(data)
        if isinstance(self.error, RequestEntityTooLarge):
            self._refuse()
        return consumed

    def _refuse(self) -> None:
        """Wait for the body, unless it is too long or the client will not send it."""
        # RFC 9110 10.1.1: such a client waits for an answer before it sends the body.
        is_waiting, self.expect_continue = self.expect_continue, False
        is_short = not self.chunked and self.content_length <= _LARGEST_DROPPED
        if is_short and not is_waiting:
            self._left_to_drop = self.content_length
            self.completed = False


class _Error(ErrorTask):
    def execute(self) -> None:
        """Send the page for a large body, or waitress' text for another error."""
        # waitress declares the type of another class.
        request: Any = self.request
        if not isinstance(request.error, RequestEntityTooLarge):
            super().execute()
            return
        limit = self.channel.adj.max_request_body_size
        answer = _answer(Visit(_environ_of(request)), limit)
        self.status = answer.status
        self.response_headers = answer.headerlist
        self.set_close_on_finish()
        self.content_length = len(answer.body)
        self.write(answer.body)


class _Channel(HTTPChannel):
    parser_class = _Parser
    error_task_class = _Error


def _environ_of(request: HTTPRequestParser) -> "WSGIEnvironment":
    headers = {f"HTTP_{name}": value for name, value in request.headers.items()}
    return {
        **headers,
        "REQUEST_METHOD": request.command,
        "wsgi.url_scheme": request.url_scheme,
    }


def _answer(visit: Visit, limit: int) -> Any:
    status = MessageTooLarge.status
    if not visit.is_navigation:
        return json_answer(visit, {"reason": MessageTooLarge.code}, status=status)
    return _pages.page(
        visit, "body_too_large.html", status=status, limit=shown_size(limit)
    )
