"""What is remembered about a login, as frozen values and as JSON text."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from math import isinf

from eilogin import clock
from eilogin.saml.levels import LEVELS, reaches
from eilogin.saml.messages import UNSPECIFIED, NameID

# What a store keeps was written here and has no space around it: json.loads looks for
# that with two regular expressions, at every request.
_decode = json.JSONDecoder().raw_decode

#: What a record raises that another version wrote, with fields of its own.
UNREADABLE = (TypeError, KeyError, ValueError)


def _digest(*parts: str) -> str:
    """Of names, for the store: they leave no trace in it that could be read back."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a NameID means: who named her, to whom, and how (SAML core 2.2.2).

    An absent attribute means its default: Format unspecified, NameQualifier the
    issuer, SPNameQualifier the own entityID; so two ways to say the same are equal.
    """

    #: entityID of the hub that named her; at the hub, its own.
    issuer: str
    #: entityID of the participant that she was named to; at the hub, its own.
    audience: str
    name_id: str = field(repr=False)
    format: str = UNSPECIFIED
    name_qualifier: str = ""
    sp_name_qualifier: str = ""

    @classmethod
    def named(cls, name_id: NameID, *, issuer: str, audience: str) -> "Subject":
        """Whom ``issuer`` means by a NameID towards ``audience``."""
        return cls(
            issuer=issuer,
            audience=audience,
            name_id=name_id.value,
            format=name_id.format or UNSPECIFIED,
            name_qualifier=name_id.name_qualifier or issuer,
            sp_name_qualifier=name_id.sp_name_qualifier or audience,
        )

    def as_name_id(self) -> NameID:
        """The NameID that says whom we mean."""
        return NameID(
            self.name_id, self.format, self.name_qualifier, self.sp_name_qualifier
        )

    def label(self, session_index: str | None = None) -> str:
        """The label of all her sessions, or of the one with this SessionIndex."""
        return self._label("subject", session_index)

    def told_label(self, session_index: str | None = None) -> str:
        """The label of a hub's sessions of which this participant was told.

        It is never that of the participant's own sessions: both may be in one store,
        and a participant that ends its own must not end the hub's with them, or the
        hub would not know any more whom to tell.
        """
        return self._label("told", session_index)

    @property
    def shard(self) -> str:
        """Where a store that is spread over machines keeps all that is hers.

        Two characters: enough to spread, and too few to tell who she is, for they are
        in the cookie too.
        """
        return _digest("shard", *self._parts())[:2]

    def _label(self, kind: str, session_index: str | None) -> str:
        index = () if session_index is None else ("index", session_index)
        return f"{self.shard}:{_digest(kind, *self._parts(), *index)}"

    def _parts(self) -> tuple[str, ...]:
        return (
            self.issuer,
            self.audience,
            self.format or UNSPECIFIED,
            self.name_qualifier or self.issuer,
            self.sp_name_qualifier or self.audience,
            self.name_id,
        )


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant that was told of a hub's session; an item of that session."""

    entity_id: str
    #: The subject as this participant knows her.
    subject: Subject
    session_index: str
    #: When it was told.
    since: float

    def to_json(self) -> str:
        """JSON text, as the store keeps it."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Participant":
        """The value that :meth:`to_json` wrote; else one of :data:`UNREADABLE`."""
        fields = json.loads(text)
        return cls(**{**fields, "subject": Subject(**fields["subject"])})


@dataclass(frozen=True, slots=True)
class Login:
    """One citizen logged in in one browser.

    It is what the application finds in ``environ['eilogin.session']``. All instants
    are seconds since 1970-01-01T00:00:00Z; :attr:`since` and :attr:`until` give them
    as aware datetimes.
    """

    who: Subject
    #: Level that was confirmed, such as ``basis``.
    level: str
    #: When she logged in, and from when her session is over whatever she does.
    started: float
    ends: float
    #: When the hub (or, at the hub, her password) last confirmed her.
    confirmed: float
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    #: The hub's name for this session, which its LogoutRequest may use.
    session_index: str | None = None
    #: When each level was last proven: at the hub, which is asked for fresh proof.
    proven: Mapping[str, float] = field(default_factory=dict)
    #: Secret name of this login: the same after a step-up, another after a new login.
    family: str = field(default="", repr=False)
    #: The store's key and the instant she was last seen; not part of the JSON.
    key: str = field(default="", repr=False)
    seen: float = 0.0

    @property
    def subject(self) -> str:
        """Her NameID: opaque, and another one at every participant."""
        return self.who.name_id

    @property
    def since(self) -> datetime:
        """When she logged in, in UTC."""
        return clock.utc(self.started)

    @property
    def until(self) -> datetime:
        """When this session is over whatever she does, in UTC."""
        return clock.utc(self.ends)

    def proven_at(self, level: str) -> float:
        """When ``level`` or a higher one was last proven; 0 where it never was."""
        instants = (at for one, at in self.proven.items() if reaches(one, level))
        return max(instants, default=0.0)

    def labels(self) -> tuple[str, ...]:
        """What this session can be ended by: its subject, and its SessionIndex."""
        if self.session_index is None:
            return (self.who.label(),)
        return (self.who.label(), self.who.label(self.session_index))

    def to_json(self) -> str:
        """JSON text, as the store keeps it."""
        fields = asdict(self)
        del fields["key"], fields["seen"]
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, key: str, seen: float) -> "Login":
        """The value that :meth:`to_json` wrote, as the store found it.

        Raises one of :data:`UNREADABLE` for any other text.
        """
        fields, _ = _decode(text)
        fields["who"] = Subject(**fields["who"])
        return cls(**fields, key=key, seen=seen)

    def confirmed_by(self, newer: "Login") -> "Login":
        """This login after the same citizen was confirmed once more.

        A level once proven in this session stays proven. It is over when the newer
        confirmation says; where that says nothing (its ``ends`` is infinite) nothing
        changes.
        """
        return replace(
            newer,
            level=max(self.level, newer.level, key=LEVELS.index),
            proven={**self.proven, **newer.proven},
            ends=self.ends if isinf(newer.ends) else newer.ends,
        )
