"""A whole login at a participant, with the second opinion and without."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import Bench, Row, Size, Variant
from sites import HOST, PATH, site

from eilogin.testing import Federation
from eilogin.testing.in_process_federation import HUB

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Logins that are timed together.
_TOGETHER = 10


class _Timed:
    """An application, and the processor time that it has used."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self.spent = 0.0

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        begun = time.process_time()
        answer = self._app(environ, start_response)
        self.spent += time.process_time() - begun
        return answer


@contextmanager
def _logging_in(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    variants = {}
    for name, opinion in (("both", "true"), ("own", "false")):
        path = folder / name
        path.mkdir()
        options = {
            "store": f"sqlite:///{path / 'site.db'}",
            "acs": "post",
            "second_opinion": opinion,
            "warn": "off",
        }
        federation = Federation(path, {HOST: site}, options={HOST: options})
        call = _logins(federation, size.of(_TOGETHER))
        variants[name] = Variant(call, says_seconds=True)
    yield variants


def _logins(federation: Federation, count: int) -> Callable[[], float]:
    """A call in which visitors with a session at the hub log in; seconds of each."""
    first = federation.browser()
    first.visit(f"https://{HOST}{PATH}")
    first.press("Inloggen", username="anna", password="demo-anna")  # noqa: S106
    timed = federation.apps[HOST] = _Timed(federation.apps[HOST])

    def log_in() -> None:
        browser = federation.browser()
        for name, value in first.cookies(HUB).items():
            browser.set_cookie(HUB, name, value)
        browser.visit(f"https://{HOST}{PATH}")
        assert browser.url == f"https://{HOST}{PATH}", browser.text

    def log_ins() -> float:
        timed.spent = 0.0
        for _ in range(count):
            log_in()
        return timed.spent / count

    # The first one also imports and compiles.
    log_in()
    return log_ins


BENCHES = (
    Bench(
        name="login",
        what="the processor time of a login at a participant, over all its requests, "
        "with the second opinion (python3-saml) and without",
        rows=(
            Row(name="login at a participant, sqlite:", this="both", floor="own"),
            Row(name="the same, second_opinion = false", this="own", floor="own"),
        ),
        setting=_logging_in,
    ),
)
