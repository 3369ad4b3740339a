"""Store a form whose session has expired, for an hour.

Only the visitor of that session can send the form, once, in the same browser. It is
sealed by a secret of the site and one in the browser's cookie, so neither the store nor
the site's secrets reveal it. A large form is in pieces, each sealed for its position,
of which memory holds one. There is a limit of forms for a visitor, and one in bytes for
the site and a client network (``storage_quota``).
"""

import hashlib
import io
import json
import logging
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NamedTuple

from eilogin import clock
from eilogin.errors import FormLost, FormOfAnother, FormSent, StoreUnavailable
from eilogin.federation import Own
from eilogin.sessions import Subject
from eilogin.stores import Values
from eilogin.web.browser.random_handles import instant_of, new_handle
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.limits.storage_quota import Room, counted

_log = logging.getLogger("eilogin")

#: Seconds for which a form is kept.
LIFETIME = 60 * 60.0
#: Most kept forms of one visitor, and of one browser.
MOST_FORMS = 3
#: Bytes of a piece; a smaller form is one value in the store.
PIECE = 256 * 1024


#: The stored parts beside the body; a new one goes to the end.
_STORED = ("target", "content_type", "referer", "sent", "pieces", "whole")


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A POST request of a browser."""

    #: Path and query on this site.
    target: str
    content_type: str
    #: The page of the form, or "".
    referer: str
    #: Instant of its arrival, in seconds.
    sent: float
    body: bytes = field(repr=False)
    pieces: int = 0
    #: Bytes of the whole body, if in pieces.
    whole: int = 0

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        return self.whole or len(self.body)

    def to_octets(self) -> bytes:
        """Return a line of JSON, and the body or its first piece."""
        more = [self.pieces, self.whole] if self.pieces else []
        head = [self.target, self.content_type, self.referer, self.sent, *more]
        return json.dumps(head).encode() + b"\n" + self.body

    @classmethod
    def from_octets(cls, octets: bytes) -> "KeptForm":
        """Read a value of :meth:`to_octets`."""
        head, _, body = octets.partition(b"\n")
        # Another version may write more parts.
        parts = dict(zip(_STORED, json.loads(head), strict=False))
        return cls(body=body, **parts)


class FormTicket(NamedTuple):
    """The handle of a kept form, and the secret in the browser's cookie."""

    handle: str
    secret: str


class _Binding(NamedTuple):
    """The values that a sealed form is bound to."""

    handle: str
    #: The visitor's.
    tag: str
    secret: str


class _ListedForm(NamedTuple):
    """A form in the list of its visitor's forms, which the store has too."""

    handle: str
    #: Bytes that :class:`Room` counts for it, and the client network.
    reserved: int = 0
    network: str = ""

    @classmethod
    def listed(cls, text: str | None) -> "list[_ListedForm]":
        """Parse a list; the oldest form is the first."""
        # An older version wrote the handle alone.
        entries = (entry.split(":") for entry in (text or "").split())
        return [
            cls(h, int(more[0]), more[1]) if more else cls(h) for h, *more in entries
        ]

    def __str__(self) -> str:
        return f"{self.handle}:{self.reserved}:{self.network}"


class KeptForms:
    """Keeps forms of at most ``limit`` bytes for ``own``."""

    def __init__(self, values: Values, own: Own, limit: int = 0) -> None:
        self._values = values
        self._room = Room(values, limit)
        self._party = own.entity_id
        self._forms = Sealer(own.sealing_secrets, "kept form")
        self._owners = Sealer(own.sealing_secrets, "whose session")

    def tag_of(self, who: Subject) -> str:
        """Return a visitor's tag, stored beside their forms."""
        return self._forms.tag(who.label())

    def note_for(
        self, who: Subject, token: str, until: float, network: str = ""
    ) -> str:
        """Return a note for a cookie, which names the visitor of a session (``token``).

        It outlives the session, but not ``until`` (POSIX timestamp): some browsers keep
        cookies too long. It is valid only here, with ``token``, from one ``network``.
        """
        octets = json.dumps([self.tag_of(who), until]).encode()
        return as_text(self._owners.seal(octets, self._party, token, network))

    def tag_in(self, note: str, token: str, network: str = "") -> str | None:
        """Return the tag in a note of :meth:`note_for`; None if invalid or expired."""
        tag: str
        try:
            octets = self._owners.open(from_text(note), self._party, token, network)
            tag, until = json.loads(octets)
        except ValueError:
            return None
        return tag if clock.now() < until else None

    def store(
        self,
        form: KeptForm,
        tag: str,
        more: Iterable[bytes] = (),
        *,
        reserved: int | None = None,
        network: str = "",
    ) -> FormTicket | None:
        """Store a form of the visitor with this tag; return its ticket.

        ``more``: further pieces of :data:`PIECE` bytes. ``reserved``: bytes of the
        largest possible body. None at a limit, or if too many forms come at once. Raise
        StoreUnavailable, or an error of ``more``; then nothing is kept.
        """
        listed_form = _ListedForm(
            new_handle(),
            counted(form.size if reserved is None else reserved),
            self._forms.tag(network) if network else "",
        )
        if not self._room.reserve(listed_form.reserved, listed_form.network):
            return None
        if not self._has_listed(listed_form, tag):
            self._give_back(listed_form)
            return None
        handle, secret = listed_form.handle, secrets.token_urlsafe(24)
        bound = _Binding(handle, tag, secret)
        try:
            form = self._store_pieces(form, more, bound)
            sealed = self._sealed(form.to_octets(), bound)
            self._put(_key(handle), f"{tag} {sealed}")
        except BaseException:
            with suppress(StoreUnavailable):
                self._unlist(handle, tag)
                self._delete(listed_form)
            raise
        if not self._settle(listed_form, tag, counted(form.size)):
            # Newer forms have displaced it meanwhile.
            self._delete(listed_form)
        return FormTicket(handle, secret)

    def _store_pieces(
        self, form: KeptForm, more: Iterable[bytes], bound: _Binding
    ) -> KeptForm:
        count, size = 0, len(form.body)
        for count, piece in enumerate(more, 1):
            sealed = self._sealed(piece, bound, str(count))
            self._put(_piece_key(bound.handle, count), sealed)
            size += len(piece)
        return replace(form, pieces=count, whole=size) if count else form

    def _sealed(self, octets: bytes, bound: _Binding, *piece: str) -> str:
        context = (self._party, bound.handle, bound.tag, *piece)
        secret = bound.secret.encode()
        return as_text(self._forms.seal(octets, *context, also_by=secret))

    def _put(self, key: str, value: str) -> None:
        self._values.add(key, value, clock.now() + LIFETIME, durable=False)

    def _has_listed(self, new: _ListedForm, tag: str) -> bool:
        # Before it is stored, so that each stored form is listed.
        oldest: list[_ListedForm] = []

        def with_new(listed: str | None) -> str:
            forms = [*_ListedForm.listed(listed), new]
            oldest[:] = forms[:-MOST_FORMS]
            return " ".join(map(str, forms[-MOST_FORMS:]))

        until = clock.now() + LIFETIME
        if not self._values.change(_list_key(tag), with_new, until):
            return False
        for dropped in oldest:
            self._delete(dropped)
            self._give_back(dropped)
        return True

    def _settle(self, listed_form: _ListedForm, tag: str, size: int) -> bool:
        # Give back bytes that the form does not need.
        forms = _ListedForm.listed(self._values.get(_list_key(tag)))
        if listed_form not in forms or size == listed_form.reserved:
            return listed_form in forms
        smaller = listed_form._replace(reserved=size)

        def with_smaller(listed: str | None) -> str:
            return (listed or "").replace(str(listed_form), str(smaller))

        if self._values.change(_list_key(tag), with_smaller, clock.now() + LIFETIME):
            self._give_back(listed_form._replace(reserved=listed_form.reserved - size))
        return True

    def _give_back(self, listed_form: _ListedForm) -> None:
        if listed_form.reserved:
            instant = instant_of(listed_form.handle) or 0.0
            self._room.give_back(listed_form.reserved, listed_form.network, instant)

    def check(self, handle: str) -> None:
        """Raise FormLost or FormSent unless a form is kept under this handle."""
        self._value(handle)

    def look(self, handle: str, secret: str, who: Subject) -> KeptForm:
        """Return the form with this handle, for the visitor ``who``.

        Raise FormLost, FormSent, or FormOfAnother, which deletes the form.
        """
        return self._open(handle, secret, who)[1]

    def _open(
        self, handle: str, secret: str, who: Subject
    ) -> tuple[_Binding, KeptForm]:
        tag, _, text = self._value(handle).partition(" ")
        bound = _Binding(handle, tag, secret)
        octets = self._unsealed(text, bound)
        if not self._forms.is_tag_of(tag, who.label()):
            self.drop(handle, tag)
            raise FormOfAnother("another visitor sent the form")
        return bound, KeptForm.from_octets(octets)

    def _unsealed(self, text: str, bound: _Binding, *piece: str) -> bytes:
        context = (self._party, bound.handle, bound.tag, *piece)
        secret = bound.secret.encode()
        try:
            return self._forms.open(from_text(text), *context, also_by=secret)
        except NotSealed as error:
            raise FormLost(f"the form cannot be read: {error}") from None

    def _value(self, handle: str) -> str:
        value = self._values.get(_key(handle))
        if value is not None:
            return value
        if self._values.get(_sent_key(handle)) is not None:
            raise FormSent("the form was sent before")
        raise FormLost("this handle has no kept form, or has none any more")

    def take(
        self, handle: str, secret: str, who: Subject, target: str
    ) -> tuple[KeptForm, BinaryIO]:
        """Return a form and its body once, if it was sent to ``target``.

        Reading the body raises OSError if a piece has left the store.
        """
        bound, form = self._open(handle, secret, who)
        if form.target != target:
            raise FormLost("the form belongs to another address")
        if not self._values.add(_sent_key(handle), "", clock.now() + LIFETIME):
            raise FormSent("the form was sent before")
        if not form.pieces:
            self.drop(handle, bound.tag)
            return form, io.BytesIO(form.body)
        self._values.take(_key(handle))

        def piece(number: int) -> bytes:
            return self._piece(bound, number)

        return form, io.BufferedReader(
            _Body(form, piece, lambda: self.drop(handle, bound.tag))
        )

    def _piece(self, bound: _Binding, number: int) -> bytes:
        try:
            text = self._values.get(_piece_key(bound.handle, number)) or ""
            return self._unsealed(text, bound, str(number))
        except (FormLost, StoreUnavailable) as error:
            raise OSError(f"piece {number} of a kept form: {error}") from error

    def drop(self, handle: str, tag: str) -> None:
        """Delete a form of the visitor with this tag, and end its reservation."""
        self._delete(self._unlist(handle, tag) or _ListedForm(handle))

    def _unlist(self, handle: str, tag: str) -> _ListedForm | None:
        removed: list[_ListedForm] = []

        def without(listed: str | None) -> str | None:
            forms = _ListedForm.listed(listed)
            removed[:] = [form for form in forms if form.handle == handle]
            remaining = [str(form) for form in forms if form.handle != handle]
            return " ".join(remaining) if removed else None

        until = clock.now() + LIFETIME
        if not self._values.change(_list_key(tag), without, until) or not removed:
            return None
        self._give_back(removed[0])
        return removed[0]

    def _delete(self, listed_form: _ListedForm) -> None:
        self._values.take(_key(listed_form.handle))
        for number in range(1, listed_form.reserved // PIECE + 1):
            self._values.take(_piece_key(listed_form.handle, number))


class _Body(io.RawIOBase):
    """The body of a large form, read in pieces; calls ``finish`` after the last one."""

    def __init__(
        self, form: KeptForm, piece: Callable[[int], bytes], finish: Callable[[], None]
    ) -> None:
        self._buffer = memoryview(form.body)
        self._numbers = iter(range(1, form.pieces + 1))
        self._last = form.pieces
        self._piece = piece
        self._finish = finish

    def readable(self) -> bool:
        """True (io.RawIOBase)."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill ``buffer``; return the number of bytes, 0 at the end."""
        if not self._buffer:
            self._buffer = memoryview(self._next())
        count = min(len(buffer), len(self._buffer))
        buffer[:count] = self._buffer[:count]
        self._buffer = self._buffer[count:]
        return count

    def _next(self) -> bytes:
        number = next(self._numbers, 0)
        if not number:
            return b""
        octets = self._piece(number)
        if number == self._last:
            try:
                self._finish()
            except StoreUnavailable as error:
                # It expires in the store.
                _log.warning(
                    "POST replay: cannot delete a kept form that was sent: %s", error
                )
        return octets


def _key(handle: str) -> str:
    return f"kept:{handle}"


def _piece_key(handle: str, number: int) -> str:
    return f"kept:{handle}:{number}"


def _sent_key(handle: str) -> str:
    return f"kept-sent:{handle}"


def _list_key(tag: str) -> str:
    return f"kept-of:{hashlib.sha256(tag.encode()).hexdigest()}"
