"""Logins that participants asked for and that are not answered yet.

An AuthnRequest that was verified is kept in the store under a handle, so that the
citizen's way through the sign-in pages carries a short name and no message, and so
that a request that came by POST can be gone on with by GET (its cookies are Lax).
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from urllib.parse import parse_qs, urlsplit

from eilogin import clock
from eilogin.errors import LoginLost
from eilogin.sessions.records import UNREADABLE
from eilogin.stores import Values

#: How long a citizen may take to sign in, in seconds.
_LIFETIME = 30 * 60.0

#: The parameter by which a page of the hub names a question.
PARAMETER = "request"


@dataclass(frozen=True, slots=True)
class Question:
    """What a participant wants to know, and where the answer goes."""

    #: ID and issuer of its AuthnRequest.
    request_id: str
    issuer: str
    #: A verified address of its metadata, and the binding there.
    acs_url: str
    binding: str
    relay_state: str
    #: The level that she has to prove; "" where none that we offer would do.
    level: str
    #: Every level that would do, the lowest first, and the classes that were named.
    levels: tuple[str, ...]
    classes: tuple[str, ...]
    #: The Format of its NameIDPolicy, or "".
    name_id_format: str
    force: bool
    passive: bool
    #: When we received it.
    received: float
    #: When it was written, by the clock of who asks.
    issued: float = 0.0
    #: Which of the lists of attributes in its metadata it means; None for the default.
    service_index: int | None = None
    #: What a tester has chosen that comes of it (hub.digid.rehearsal); "" in earnest.
    rehearsal: str = ""

    @property
    def handle(self) -> str:
        """Its name in the store and in our addresses; the same for a repetition."""
        text = f"{self.issuer}\0{self.request_id}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class Questions:
    """The questions that a hub keeps."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def remember(self, question: Question) -> Question:
        """Keep a question; one that is kept already stays as it is."""
        key = f"question:{question.handle}"
        until = clock.now() + _LIFETIME
        self._values.add(key, json.dumps(asdict(question)), until, durable=False)
        return self.find(question.handle)

    def find(self, handle: str) -> Question:
        """The question with this handle, or :class:`eilogin.errors.LoginLost`."""
        text = self._values.get(f"question:{handle}")
        if text is None:
            raise LoginLost("this login was not asked for, or too long ago")
        try:
            found = json.loads(text)
            for name in ("levels", "classes"):
                found[name] = tuple(found[name])
            return Question(**found)
        except UNREADABLE:
            raise LoginLost("this login was asked for at another version") from None

    def behind(self, target: str) -> Question | None:
        """The question that an address of ours goes on with, if it is one."""
        handle = parse_qs(urlsplit(target).query).get(PARAMETER)
        return self.find(handle[0]) if handle else None
