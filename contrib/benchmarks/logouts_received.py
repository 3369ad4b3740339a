"""A LogoutRequest that comes over SOAP, until all that it names has ended."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from logouts import FEW, others
from measuring import Bench, Row, Size, Variant
from servers import HAS_REDIS, redis_server
from sites import COOKIE, HOST, guarded
from webob import Request

from eilogin import clock
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.signing_keys import SigningKey
from eilogin.sessions import Login, Sessions
from eilogin.testing.in_process_federation import HUB

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: What it may take, in seconds.
ALLOWED = 0.05

_URL = f"https://{HOST}/eilogin/slo/soap"
_KINDS = ("memory", "sqlite", *(("redis",) if HAS_REDIS else ()))


@contextmanager
def _receiving(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    with ExitStack() as stack:
        received = {}
        for kind in _KINDS:
            url = stack.enter_context(_store(kind, folder))
            app, cookies = stack.enter_context(guarded(folder / kind, url))
            received[kind] = _one_more(app, cookies, folder / kind, size.of(FEW))
        yield {**received, "allowed": Variant(lambda: ALLOWED, says_seconds=True)}


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[str]:
    if kind == "redis":
        with redis_server(folder / "server") as url:
            yield url
    else:
        yield {"memory": "memory:", "sqlite": f"sqlite:///{folder}/uwv.db"}[kind]


def _one_more(
    app: "WSGIApplication", cookies: str, folder: Path, count: int
) -> Variant:
    """She is logged in in two browsers, and the hub names one of them."""
    sessions: Sessions = app.sessions  # type: ignore[attr-defined]
    for one in others(count):
        sessions.store.create(one, issued=clock.now())
    login = sessions.find(cookies.removeprefix(f"{COOKIE}="))
    assert login is not None
    pair = [(folder / f"{HUB}.{end}").read_bytes() for end in ("key", "crt")]
    key = SigningKey.load(*pair)
    named: list[str] = []
    request = Request.blank(_URL)

    def log_in() -> None:
        nonlocal request
        if named:
            assert sessions.find(named.pop()) is None, "it has not ended"
            assert sessions.find(cookies.removeprefix(f"{COOKIE}=")), "it named another"
        again = replace(login, session_index=messages.new_id(), confirmed=clock.now())
        named.append(sessions.create_login(again, issued=clock.now()))
        body = _signed(again, key)
        request = Request.blank(_URL, method="POST", body=body)
        request.content_type = "text/xml"

    def receive() -> None:
        answer = request.get_response(app)
        assert b"status:Success" in answer.body, answer.body

    return Variant(receive, before=log_in)


def _signed(login: Login, key: SigningKey) -> bytes:
    """The hub's word that this session has ended, as it comes over SOAP."""
    assert login.session_index is not None
    element = messages.write_logout_request(
        messages.LogoutRequest(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=login.who.issuer,
            name_id=login.who.as_name_id(),
            destination=_URL,
            session_indexes=(login.session_index,),
        )
    )
    xml_signatures.sign(element, key)
    return bindings.wrap_soap(element)


BENCHES = (
    Bench(
        name="received",
        what="a signed LogoutRequest over SOAP, until the one of her two sessions "
        f"that it names has ended, among {FEW:,} of others, and the answer is there, "
        f"beside the {ALLOWED * 1000:g} ms that it may take",
        rows=tuple(
            Row(
                name=f"LogoutRequest executed and answered, {kind}:",
                this=kind,
                floor="allowed",
                goal=1.0,
            )
            for kind in _KINDS
        ),
        setting=_receiving,
        samples=20,
    ),
)
