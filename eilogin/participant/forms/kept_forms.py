"""Store a form whose session has expired, for an hour.

Rules:

1. A form belongs to the visitor of the session and to the browser that sent it: nobody
   else can send it again, whoever logs in there next.
2. The store cannot read it, nor can a thief of the store's content and the secrets of
   this site. It is sealed by a secret of the site and by one that only the browser has,
   in a cookie.
3. It is sent once. A second request gets the error that it was sent.
4. A visitor can have a few of them at a time, in any browsers; the oldest goes.
5. Memory holds one piece of a form at a time. A large form lies in pieces in the store,
   each sealed for its position. With the last piece that the application reads, all are
   deleted.
6. A site, and a client network, has a limit in bytes (``storage_quota``).
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
from eilogin.web.browser.handles import instant_of, new_handle
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text
from eilogin.web.limits.storage_quota import Room, counted

_log = logging.getLogger("eilogin")

#: How long a form is kept, in seconds.
LIFETIME = 60 * 60.0
#: Most forms of one visitor, and of one browser; the oldest gives way.
MOST_FORMS = 3
#: Bytes of a piece: a smaller form is one value in the store.
PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A POST request of a browser."""

    #: Path and query on this site.
    target: str
    content_type: str
    #: The page that it was on, or "".
    referer: str
    #: When it came in.
    sent: float
    #: The body, or the first piece of a large one.
    body: bytes = field(repr=False)
    #: How many pieces come after :attr:`body`.
    pieces: int = 0
    #: The bytes of the whole body, where it has more pieces.
    whole: int = 0

    @property
    def size(self) -> int:
        """The bytes of the whole body."""
        return self.whole or len(self.body)

    def to_octets(self) -> bytes:
        """Return a line of JSON, and the body as it came, or its first piece."""
        more = [self.pieces, self.whole] if self.pieces else []
        head = [self.target, self.content_type, self.referer, self.sent, *more]
        return json.dumps(head).encode() + b"\n" + self.body

    @classmethod
    def from_octets(cls, octets: bytes) -> "KeptForm":
        """Read the value that :meth:`to_octets` wrote."""
        head, _, body = octets.partition(b"\n")
        target, content_type, referer, sent, *more = json.loads(head)
        return cls(target, content_type, referer, sent, body, *more)


class _Noted(NamedTuple):
    """A form in the list of one visitor."""

    handle: str
    #: The bytes that :class:`Room` counts for it, and the client network.
    reserved: int = 0
    network: str = ""

    @classmethod
    def listed(cls, text: str | None) -> "list[_Noted]":
        """Read a list; the oldest form first."""
        # A version before this one wrote the handle alone.
        entries = (word.split(":") for word in (text or "").split())
        return [
            cls(h, int(rest[0]), rest[1]) if rest else cls(h) for h, *rest in entries
        ]

    def __str__(self) -> str:
        return f"{self.handle}:{self.reserved}:{self.network}"


class KeptForms:
    """The forms of at most ``limit`` bytes that ``own`` keeps among its ``values``."""

    def __init__(self, values: Values, own: Own, limit: int = 0) -> None:
        self._values = values
        self._room = Room(values, limit)
        self._party = own.entity_id
        self._forms = Sealer(own.sealing_secrets, "kept form")
        self._owners = Sealer(own.sealing_secrets, "whose session")

    # --- whose it is ---

    def tag_of(self, who: Subject) -> str:
        """Return the tag of a visitor, which is stored beside their forms."""
        return self._forms.tag(who.label())

    def note_for(
        self, who: Subject, token: str, until: float, network: str = ""
    ) -> str:
        """Return a note for a cookie: the visitor of the session ``token``.

        It serves after the session has ended. Only this site can read it, only with
        ``token``, and only in the same ``network``. ``until``, in seconds since 1970,
        limits it for browsers that keep cookies too long.
        """
        octets = json.dumps([self.tag_of(who), until]).encode()
        return as_text(self._owners.seal(octets, self._party, token, network))

    def tag_in(self, note: str, token: str, network: str = "") -> str | None:
        """Return the tag in a note of :meth:`note_for`.

        None for an invalid or expired note.
        """
        tag: str
        try:
            octets = self._owners.open(from_text(note), self._party, token, network)
            tag, until = json.loads(octets)
        except ValueError:
            return None
        return tag if clock.now() < until else None

    # --- the forms ---

    def keep(
        self,
        form: KeptForm,
        tag: str,
        more: Iterable[bytes] = (),
        *,
        reserved: int | None = None,
        network: str = "",
    ) -> tuple[str, str] | None:
        """Keep a form of the visitor with this tag; return its handle and secret.

        ``more`` are the pieces of its body after the first one, of :data:`PIECE` bytes
        except the last. ``reserved`` is the largest possible body, by default that of
        ``form``; ``network`` is the client network. The secret is for a cookie of this
        browser. None if too many forms of the visitor come at once, or a limit is
        reached. Raises :class:`eilogin.errors.StoreUnavailable`, and the errors of
        reading ``more``; nothing is kept then.
        """
        noted = _Noted(
            new_handle(),
            counted(form.size if reserved is None else reserved),
            self._forms.tag(network) if network else "",
        )
        if not self._room.reserve(noted.reserved, noted.network):
            return None
        if not self._is_room_made(noted, tag):
            self._give_back(noted)
            return None
        secret = secrets.token_urlsafe(24)
        try:
            form = self._keep_pieces(form, more, (noted.handle, tag), secret)
            value = f"{tag} {self._sealed(form.to_octets(), noted.handle, tag, secret)}"
            self._put(_key(noted.handle), value)
        except BaseException:
            with suppress(StoreUnavailable):
                self._unlist(noted.handle, tag)
                self._delete(noted)
            raise
        if not self._settle(noted, tag, counted(form.size)):
            # Newer forms came meanwhile, and this one is the oldest already.
            self._delete(noted)
        return noted.handle, secret

    def _keep_pieces(
        self, form: KeptForm, more: Iterable[bytes], place: tuple[str, str], secret: str
    ) -> KeptForm:
        """Store the pieces after the first one; return the form with their number."""
        count, size = 0, len(form.body)
        for count, piece in enumerate(more, 1):
            sealed = self._sealed(piece, *place, secret, str(count))
            self._put(_piece_key(place[0], count), sealed)
            size += len(piece)
        return replace(form, pieces=count, whole=size) if count else form

    def _sealed(
        self, octets: bytes, handle: str, tag: str, secret: str, *piece: str
    ) -> str:
        bound = (self._party, handle, tag, *piece)
        return as_text(self._forms.seal(octets, *bound, also_by=secret.encode()))

    def _put(self, key: str, value: str) -> None:
        self._values.add(key, value, clock.now() + LIFETIME, durable=False)

    def _is_room_made(self, new: _Noted, tag: str) -> bool:
        """List a new form before it is stored, so that none is forgotten."""
        oldest: list[_Noted] = []

        def noted(listed: str | None) -> str:
            forms = [*_Noted.listed(listed), new]
            oldest[:] = forms[:-MOST_FORMS]
            return " ".join(map(str, forms[-MOST_FORMS:]))

        until = clock.now() + LIFETIME
        if not self._values.change(_list_key(tag), noted, until):
            return False
        for dropped in oldest:
            self._delete(dropped)
            self._give_back(dropped)
        return True

    def _settle(self, noted: _Noted, tag: str, size: int) -> bool:
        """Give back bytes that the form does not need; False if it is not listed."""
        forms = _Noted.listed(self._values.get(_list_key(tag)))
        if noted not in forms or size == noted.reserved:
            return noted in forms
        smaller = noted._replace(reserved=size)

        def settled(listed: str | None) -> str:
            return (listed or "").replace(str(noted), str(smaller))

        if self._values.change(_list_key(tag), settled, clock.now() + LIFETIME):
            self._give_back(noted._replace(reserved=noted.reserved - size))
        return True

    def _give_back(self, noted: _Noted) -> None:
        if noted.reserved:
            instant = instant_of(noted.handle) or 0.0
            self._room.give_back(noted.reserved, noted.network, instant)

    def check(self, handle: str) -> None:
        """Raise FormLost or FormSent unless a form is kept under this handle."""
        self._value(handle)

    def look(self, handle: str, secret: str, who: Subject) -> KeptForm:
        """Return the form with this handle, for the visitor ``who``.

        ``secret`` is that of this browser, or "". Raises
        :class:`eilogin.errors.FormLost`, :class:`eilogin.errors.FormSent`, or
        :class:`eilogin.errors.FormOfAnother`, after which the form is gone.
        """
        return self._open(handle, secret, who)[1]

    def _open(self, handle: str, secret: str, who: Subject) -> tuple[str, KeptForm]:
        """Return the tag of its visitor, and the form."""
        tag, _, text = self._value(handle).partition(" ")
        octets = self._unsealed(text, handle, tag, secret)
        if not self._forms.is_tag_of(tag, who.label()):
            self.drop(handle, tag)
            raise FormOfAnother("another visitor sent the form")
        return tag, KeptForm.from_octets(octets)

    def _unsealed(
        self, text: str, handle: str, tag: str, secret: str, *piece: str
    ) -> bytes:
        bound = (self._party, handle, tag, *piece)
        try:
            return self._forms.open(from_text(text), *bound, also_by=secret.encode())
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

        Only one of several simultaneous requests gets it. Reading the body raises
        OSError if a piece is no longer in the store.
        """
        tag, form = self._open(handle, secret, who)
        if form.target != target:
            raise FormLost("the form belongs to another address")
        if not self._values.add(_sent_key(handle), "", clock.now() + LIFETIME):
            raise FormSent("the form was sent before")
        if not form.pieces:
            self.drop(handle, tag)
            return form, io.BytesIO(form.body)
        self._values.take(_key(handle))

        def piece(number: int) -> bytes:
            return self._piece(handle, tag, secret, number)

        return form, io.BufferedReader(
            _Body(form, piece, lambda: self.drop(handle, tag))
        )

    def _piece(self, handle: str, tag: str, secret: str, number: int) -> bytes:
        try:
            text = self._values.get(_piece_key(handle, number)) or ""
            return self._unsealed(text, handle, tag, secret, str(number))
        except (FormLost, StoreUnavailable) as error:
            raise OSError(f"piece {number} of a kept form: {error}") from error

    def drop(self, handle: str, tag: str) -> None:
        """Delete a form of the visitor with this tag, and end its reservation."""
        self._delete(self._unlist(handle, tag) or _Noted(handle))

    def _unlist(self, handle: str, tag: str) -> _Noted | None:
        """Remove a form from the list of its visitor, and end its reservation."""
        removed: list[_Noted] = []

        def without(listed: str | None) -> str | None:
            forms = _Noted.listed(listed)
            removed[:] = [form for form in forms if form.handle == handle]
            rest = [str(form) for form in forms if form.handle != handle]
            return " ".join(rest) if removed else None

        until = clock.now() + LIFETIME
        if not self._values.change(_list_key(tag), without, until) or not removed:
            return None
        self._give_back(removed[0])
        return removed[0]

    def _delete(self, noted: _Noted) -> None:
        """Delete everything that the store can hold of a form."""
        self._values.take(_key(noted.handle))
        for number in range(1, noted.reserved // PIECE + 1):
            self._values.take(_piece_key(noted.handle, number))


class _Body(io.RawIOBase):
    """The body of a large form, which reads one piece of the store at a time.

    ``piece`` returns a piece by its number; ``finish`` is called after the last one.
    """

    def __init__(
        self, form: KeptForm, piece: Callable[[int], bytes], finish: Callable[[], None]
    ) -> None:
        self._rest = memoryview(form.body)
        self._numbers = iter(range(1, form.pieces + 1))
        self._last = form.pieces
        self._piece = piece
        self._finish = finish

    def readable(self) -> bool:
        """True (io.RawIOBase)."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill ``buffer`` with the next bytes; return how many, 0 at the end."""
        if not self._rest:
            self._rest = memoryview(self._next())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
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
                # The rest expires.
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
