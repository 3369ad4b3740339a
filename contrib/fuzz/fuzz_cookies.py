"""Cookies, what is sealed in them, and the records of a store.

Property: a cookie is read as a plain parser of the header reads it, and is not there
where it came with two values. What was not sealed here, or not for this place, is
LoginLost or CookiesRefused, None, or "", whatever it is; what opens is what was kept. A
record is a Login or Participant, or one of the errors of UNREADABLE; it is the same
when it is written and read again.

The first octet of an input chooses: a Cookie header; the text of a sealed login, note
or form; a tag; a RelayState that is kept; a record as JSON, with a checksum that is
right.
"""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from zlib import crc32

from fuzz_parts import HUB, NOW, PARTICIPANT

from eilogin.errors import CookiesRefused, LoginLost
from eilogin.hub.digid import relay_state
from eilogin.participant.forms.kept_forms import KeptForms
from eilogin.participant.login import pending_logins
from eilogin.sessions import Login, Sessions, Subject
from eilogin.sessions.session_records import UNREADABLE, Participant
from eilogin.stores import Values, open_store
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie, names
from eilogin.web.browser.random_handles import (
    HANDLE_LENGTH,
    handle_of,
    instant_of,
    is_handle,
)
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.visit import Visit

_OURS = Cookie("eilogin")
_START = "__Host-eilogin="
_FAR = 15_000_000_000.0  # in the year 2445: no run lasts so long
_PENDING = pending_logins.PendingLogin(
    "/mijn?a=b", "midden", HUB, is_forced=True, handle=handle_of("fuzz", _FAR)
)
_OWN: Any = SimpleNamespace(
    entity_id=PARTICIPANT,
    public_url="https://uwv.example.nl",
    sealing_secrets=(b"of nobody, and so no secret", b"an older one of nobody"),
)
_STORE = open_store("memory:")
_PARTY = {
    env.SESSIONS: Sessions(_STORE, idle=900.0, max_session=7200.0),
    env.TRUST: SimpleNamespace(own=_OWN),
    env.COOKIE: _OURS,
}
_FORMS = KeptForms(Values(_STORE, PARTICIPANT), _OWN)
_SEALER = Sealer(_OWN.sealing_secrets, "fuzz")
_WHO = Subject(HUB, PARTICIPANT, "q7Xw2")
_LOGIN = Login(
    who=_WHO,
    level="basis",
    started=NOW,
    ends=NOW + 7200,
    confirmed=NOW,
    attributes={"naam": ["Merel", "Élodie"]},
    session_index="_s1",
    proven={"basis": NOW},
    family="f",
)
_TOLD = Participant(PARTICIPANT, _WHO, "_s1", NOW)


def check(octets: bytes) -> None:
    """Hold one cookie, sealed text or record against the property."""
    kind, text = octets[:1], octets[1:].decode("latin-1")
    _CHECKS[kind[0] % len(_CHECKS) if kind else 0](text)


def _header(header: str) -> None:
    pairs = [pair.strip(" \t") for pair in header.split(";")]
    values = {p[len(_START) :].strip(" \t") for p in pairs if p.startswith(_START)}
    expected = values.pop() or None if len(values) == 1 else None
    found = _OURS.read(header)
    assert found == expected, f"{found!r}, and not {expected!r}"
    sent = {pair.partition("=")[0].strip(" \t") for pair in pairs}
    for name in names(header, "eilogin"):
        assert f"__Host-{Cookie(name).name}" in sent


def _sealed_login(text: str) -> None:
    name = f"__Host-eilogin-login-{_PENDING.handle}"
    visit = Visit({**_PARTY, "HTTP_COOKIE": f"{name}={text}"})
    try:
        found = pending_logins.of_browser(visit, _PENDING.handle)
    except (LoginLost, CookiesRefused):
        return
    assert found == _PENDING


def _sealed(text: str) -> None:
    assert _FORMS.tag_in(text, "token") in (None, _FORMS.tag_of(_WHO), _TAG)
    try:
        octets = _SEALER.open(from_text(text), "here")
    except NotSealed:
        return
    assert octets == b"what was sealed"


def _tag(text: str) -> None:
    if _SEALER.is_tag_of(text, "merel"):
        older = Sealer(_OWN.sealing_secrets[1:], "fuzz")
        assert text in (_SEALER.tag("merel"), older.tag("merel"))


def _kept_state(text: str) -> None:
    header = f"__Host-eilogin-relay-state={text}"
    found = relay_state.stored(Visit({"HTTP_COOKIE": header}))
    relay_state.require_short(found)


def _handle(text: str) -> None:
    instant = instant_of(text)
    assert (instant is None) != is_handle(text)
    if instant is not None:
        assert len(text) in (HANDLE_LENGTH, HANDLE_LENGTH + 1)
    try:
        assert pending_logins.request_id_of(text).startswith("_")
    except LoginLost:
        return


def _record(text: str) -> None:
    body = text.encode("latin-1").decode(errors="replace")
    try:
        login = Login.from_json(f"{crc32(body.encode())}\n{body}", "key", NOW)
    except UNREADABLE:
        return
    again = Login.from_json(login.to_json(), "key", NOW)
    assert login.labels() == again.labels()
    assert login.other_labels() == again.other_labels()
    assert json.dumps(login.attributes) == json.dumps(again.attributes)


def _told(text: str) -> None:
    try:
        found = Participant.from_json(text)
    except UNREADABLE:
        return
    assert Participant.from_json(found.to_json()).subject == found.subject


_CHECKS = (
    _header,
    _sealed_login,
    _sealed,
    _tag,
    _kept_state,
    _handle,
    _record,
    _told,
)
#: As the party made it before its secret was replaced.
_TAG = Sealer(_OWN.sealing_secrets[1:], "kept form").tag(_WHO.label())


def seeds() -> Iterator[bytes]:
    """Headers, texts that were sealed here, tags and records."""
    for header in (
        f"{_START}token_1-A",
        f'a="b;c"; {_START}x ; {_START}x;d',
        f"a={_START}x; {_START}y; {_START}z",
        "__Host-eilogin-login-a=1;__Host-eilogin-login-b",
        f"\xa0{_START}x",
    ):
        yield b"\0" + header.encode("latin-1")
    (_, cookie), *_ = pending_logins.cookie_headers(Visit(_PARTY), _PENDING)
    yield b"\1" + cookie.partition("=")[2].partition(";")[0].encode()
    yield b"\2" + as_text(_SEALER.seal(b"what was sealed", "here")).encode()
    yield b"\2" + _FORMS.note_for(_WHO, "token", _FAR).encode()
    yield b"\3" + _SEALER.tag("merel").encode()
    (_, kept), *_ = relay_state.cookie_headers("/mijn?a=é")
    yield b"\4" + kept.partition("=")[2].partition(";")[0].encode()
    yield b"\5" + _PENDING.handle.encode()
    yield b"\5" + handle_of("x", _FAR).encode() + b"."
    yield b"\6" + _LOGIN.to_json().partition("\n")[2].encode()
    yield b"\7" + _TOLD.to_json().encode()
