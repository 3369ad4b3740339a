"""Forms that were sent after their session had ended, kept for an hour.

House rules:

1. A form is bound to the citizen whose session it was, and to the browser that sent
   it: nobody else can have it sent again, whoever logs in there next.
2. The store cannot read it, and neither can who takes only the store's content and
   this site's secrets: it is sealed by a secret of the site and by one that the browser
   alone has, in a cookie.
3. It is sent once. Who asks for it again is told that it was sent.
4. A citizen can have a few of them at a time, in whatever browsers; the oldest goes.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field

from eilogin import clock
from eilogin.errors import FormLost, FormOfAnother, FormSent
from eilogin.federation import Own
from eilogin.sessions import Subject
from eilogin.stores import Values
from eilogin.visit.handles import new_handle
from eilogin.visit.sealing import NotSealed, Sealer, as_text, from_text

#: How long a form is kept, in seconds.
LIFETIME = 60 * 60.0
#: Forms that one citizen, and one browser, can have here; the oldest gives way.
MOST_FORMS = 3


@dataclass(frozen=True, slots=True)
class Form:
    """What a browser sent with POST."""

    #: Path and query on this site.
    target: str
    content_type: str
    #: The page that it was on, or "".
    referer: str
    #: When it came in.
    sent: float
    body: bytes = field(repr=False)

    def to_octets(self) -> bytes:
        """A line of JSON, and the body as it came."""
        head = [self.target, self.content_type, self.referer, self.sent]
        return json.dumps(head).encode() + b"\n" + self.body

    @classmethod
    def from_octets(cls, octets: bytes) -> "Form":
        """The value that :meth:`to_octets` wrote."""
        head, _, body = octets.partition(b"\n")
        target, content_type, referer, sent = json.loads(head)
        return cls(target, content_type, referer, sent, body)


class KeptForms:
    """The forms that ``own`` keeps among its ``values``."""

    def __init__(self, values: Values, own: Own) -> None:
        self._values = values
        self._party = own.entity_id
        self._forms = Sealer(own.sealing_secrets, "kept form")
        self._owners = Sealer(own.sealing_secrets, "whose session")

    # --- whose it is ---

    def tag_of(self, who: Subject) -> str:
        """What stands for a citizen beside a form of hers."""
        return self._forms.tag(who.label())

    def note_for(
        self, who: Subject, token: str, until: float, network: str = ""
    ) -> str:
        """For a cookie: whose session ``token`` is, for when that has ended.

        Only this site can read it, and only together with ``token``, and in the same
        ``network``; ``until`` is in seconds since 1970, and holds for who keeps cookies
        longer than a browser does.
        """
        octets = json.dumps([self.tag_of(who), until]).encode()
        return as_text(self._owners.seal(octets, self._party, token, network))

    def tag_in(self, note: str, token: str, network: str = "") -> str | None:
        """The tag of whom :meth:`note_for` was told.

        None for what it did not make, and when its time is over.
        """
        tag: str
        try:
            octets = self._owners.open(from_text(note), self._party, token, network)
            tag, until = json.loads(octets)
        except ValueError:
            return None
        return tag if clock.now() < until else None

    # --- the forms ---

    def keep(self, form: Form, tag: str) -> tuple[str, str] | None:
        """Keep a form of the citizen with this tag; its handle, and its secret.

        The secret is for a cookie of the browser that sent it. None where too many of
        hers come in at once. Raises :class:`eilogin.errors.StoreUnavailable`.
        """
        handle = new_handle()
        secret = secrets.token_urlsafe(24)
        if not self._is_room_made(handle, tag):
            return None
        sealed = self._forms.seal(
            form.to_octets(), self._party, handle, tag, also_by=secret.encode()
        )
        value = f"{tag} {as_text(sealed)}"
        self._values.add(_key(handle), value, clock.now() + LIFETIME, durable=False)
        if handle not in self._handles_of(tag):
            # Others came in meanwhile, and this one is the oldest already.
            self.drop(handle)
        return handle, secret

    def _is_room_made(self, handle: str, tag: str) -> bool:
        """Note one more form of hers before it is stored, so that none is forgotten."""
        handles: list[str] = []

        def noted(listed: str | None) -> str:
            handles[:] = [*(listed or "").split(), handle]
            return " ".join(handles[-MOST_FORMS:])

        until = clock.now() + LIFETIME
        if not self._values.change(_list_key(tag), noted, until):
            return False
        for oldest in handles[:-MOST_FORMS]:
            self.drop(oldest)
        return True

    def _handles_of(self, tag: str) -> list[str]:
        return (self._values.get(_list_key(tag)) or "").split()

    def check(self, handle: str) -> None:
        """Raise FormLost or FormSent unless a form is kept under this handle."""
        self._value(handle)

    def look(self, handle: str, secret: str, who: Subject) -> Form:
        """The form with this handle, for the citizen ``who``.

        ``secret`` is what this browser holds for it, or "". Raises
        :class:`eilogin.errors.FormLost`, :class:`eilogin.errors.FormSent`, or
        :class:`eilogin.errors.FormOfAnother`, after which the form is gone.
        """
        tag, _, text = self._value(handle).partition(" ")
        try:
            octets = self._forms.open(
                from_text(text), self._party, handle, tag, also_by=secret.encode()
            )
        except NotSealed as error:
            raise FormLost(f"the form cannot be read: {error}") from None
        if not self._forms.is_tag_of(tag, who.label()):
            self.drop(handle)
            raise FormOfAnother("the form was sent by another citizen")
        return Form.from_octets(octets)

    def _value(self, handle: str) -> str:
        value = self._values.get(_key(handle))
        if value is not None:
            return value
        if self._values.get(_sent_key(handle)) is not None:
            raise FormSent("the form was sent already")
        raise FormLost("no form is kept under this handle, or not any more")

    def take(self, handle: str, secret: str, who: Subject, target: str) -> Form:
        """The same, if it was sent to ``target``: of all who ask, one gets it, once."""
        form = self.look(handle, secret, who)
        if form.target != target:
            raise FormLost("the form was sent to another address")
        if not self._values.add(_sent_key(handle), "", clock.now() + LIFETIME):
            raise FormSent("the form was sent already")
        self.drop(handle)
        return form

    def drop(self, handle: str) -> None:
        """Have the form with this handle gone."""
        self._values.take(_key(handle))


def _key(handle: str) -> str:
    return f"kept:{handle}"


def _sent_key(handle: str) -> str:
    return f"kept-sent:{handle}"


def _list_key(tag: str) -> str:
    return f"kept-of:{hashlib.sha256(tag.encode()).hexdigest()}"
