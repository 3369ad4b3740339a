"""What is remembered about a login, as frozen values and as JSON text.

The text of a login has three lines of JSON (https://jsonlines.org): a checksum of the
others, an array of what is looked at at every request, and an object of all the rest.
Both may grow: who finds more than it knows leaves that alone, so that two versions of
eilogin can share a store. A record that must not be read by a version that does not
know all of it says so by its format.

What is read here was written here, as its checksum tells; its shape is looked at all
the same, so that whatever stands in a store is found out when it is read, and not when
somebody logs out.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from math import isinf
from typing import Any, NoReturn
from zlib import crc32

from eilogin import clock
from eilogin.errors import MalformedMessage
from eilogin.saml.assurance_levels import LEVELS, reaches
from eilogin.saml.messages import UNSPECIFIED, NameID

#: The format of the records that are written here. It is raised where an older version
#: must not read them: where to overlook a field would let somebody in.
FORMAT = 2
#: The format of those that older versions may read too: all but few.
_USUAL_FORMAT = 1

#: The SSO domain of a participant of which nothing else is said.
USUAL_DOMAIN = ""

#: What the format of a subject begins with that no NameID names, but an attribute.
BY_ATTRIBUTE = "attribute:"

_decode = json.JSONDecoder().raw_decode

#: What a text raises that was not written here, or by a version that cannot be read.
UNREADABLE = (
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def _refuse_change(*_: object, **__: object) -> NoReturn:
    raise TypeError("a login cannot be changed")


class _Fixed(dict[str, float]):
    """A dictionary that nobody changes, and that JSON and pickle take as any other."""

    __setitem__ = __delitem__ = __ior__ = _refuse_change
    clear = pop = popitem = setdefault = update = _refuse_change

    def __reduce__(self) -> tuple[type[dict[str, float]], tuple[dict[str, float]]]:
        return _Fixed, (dict(self),)


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
    #: Format, NameQualifier and SPNameQualifier as the issuer sent them, "" where it
    #: sent none. None where they are the three above. A LogoutRequest repeats them, for
    #: some products compare a NameID literally (LemonLDAP::NG). Two subjects that
    #: differ in nothing else are equal.
    sent: tuple[str, str, str] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def named(cls, name_id: NameID, *, issuer: str, audience: str) -> "Subject":
        """Whom ``issuer`` means by a NameID towards ``audience``.

        Raises MalformedMessage for one that could be taken for an attribute.
        """
        if name_id.format.startswith(BY_ATTRIBUTE):
            raise MalformedMessage("a NameID in a Format that stands for an attribute")
        sent = (name_id.format, name_id.name_qualifier, name_id.sp_name_qualifier)
        meant = (sent[0] or UNSPECIFIED, sent[1] or issuer, sent[2] or audience)
        return cls(
            issuer,
            audience,
            name_id.value,
            *meant,
            sent=None if sent == meant else sent,
        )

    @classmethod
    def from_parts(cls, found: Mapping[str, object]) -> "Subject":
        """Whom a record means; else one of :data:`UNREADABLE`."""
        known = _known(cls, found)
        # Absent in a record of an older version.
        sent = known.pop("sent", None)
        _require(str, *known.values())
        if sent is None:
            return cls(**known)
        _require(str, *sent)
        format_, name_qualifier, sp_name_qualifier = sent
        return cls(**known, sent=(format_, name_qualifier, sp_name_qualifier))

    def as_json(self) -> dict[str, Any]:
        """Return what :meth:`from_parts` reads, for JSON, without unset fields."""
        found = asdict(self)
        if self.sent is None:
            del found["sent"]
        return found

    @property
    def has_name_id(self) -> bool:
        """Whether messages can name her: no where an attribute says who she is."""
        return not self.format.startswith(BY_ATTRIBUTE)

    def as_name_id(self) -> NameID:
        """Return the NameID of this subject, exactly as its issuer sent it.

        A subject of our own (at a hub, or from a record of an older version) has what
        stands in it.
        """
        usual = (self.format, self.name_qualifier, self.sp_name_qualifier)
        return NameID(self.name_id, *(self.sent or usual))

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
    #: Whether it is not logged in by that session any more, which itself goes on.
    is_out: bool = False

    def to_json(self) -> str:
        """JSON text, as the store keeps it."""
        found = {**asdict(self), "subject": self.subject.as_json()}
        if not self.is_out:
            del found["is_out"]
        return _compact(found)

    @classmethod
    def from_json(cls, text: str) -> "Participant":
        """The value that :meth:`to_json` wrote; else one of :data:`UNREADABLE`."""
        found = json.loads(text)
        subject = Subject.from_parts(found["subject"])
        participant = cls(**{**_known(cls, found), "subject": subject})
        _require(str, participant.entity_id, participant.session_index)
        _require(_NUMBER, participant.since)
        _require(bool, participant.is_out)
        return participant


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
    #: What tells the network of this browser from others, or "" where it is not looked
    #: at: a hash.
    address: str = field(default="", repr=False)
    #: By how many seconds the clock of who confirmed her was seen to be ahead of ours.
    ahead: float = 0.0
    #: By what NameID the hub names her too, where ``who`` is an attribute.
    also: Subject | None = field(default=None, repr=False)
    #: entityIDs of hubs at which this browser may be logged in still, for another hub
    #: has taken the place of theirs here.
    left: Sequence[str] = ()
    #: At the hub: when each level was last proven by the SSO domain of who asked for
    #: that; None where all was proven for the usual one.
    domains: Mapping[str, Mapping[str, float]] | None = None
    #: Who she is to the application: her NameID, where nothing else is given.
    subject: str = field(default="", repr=False, compare=False)
    #: Secret name of this login: the same after a step-up, another after a new login.
    family: str = field(default="", repr=False)
    #: The store's key and the instant she was last seen; not part of the JSON.
    key: str = field(default="", repr=False)
    seen: float = 0.0
    # To whom she is named: of ``who``, and read sooner.
    audience: str = field(init=False, repr=False, compare=False)
    # Of a record the line that has the attributes: see __getattr__.
    _unread: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.subject:
            object.__setattr__(self, "subject", self.who.name_id)
        object.__setattr__(self, "audience", self.who.audience)
        object.__setattr__(self, "_unread", "")

    @property
    def name(self) -> str:
        """What names this login for as long as it goes on, under whatever key.

        The same after a step-up; and no secret, for it does not tell the family.
        """
        digest = hashlib.sha256(b"family\0" + self.family.encode()).hexdigest()
        return f"{self.who.shard}:{digest}"

    @property
    def since(self) -> datetime:
        """When she logged in, in UTC."""
        return clock.utc(self.started)

    @property
    def until(self) -> datetime:
        """When this session is over whatever she does, in UTC."""
        return clock.utc(self.ends)

    def __hash__(self) -> int:
        return hash((self.who, self.family, self.started))

    def proven_at(self, level: str) -> float:
        """When ``level`` or a higher one was last proven; 0 where it never was."""
        instants = (at for one, at in self.proven.items() if reaches(one, level))
        return max(instants, default=0.0)

    def proven_since(self, instant: float) -> bool:
        """Whether she has proven who she is after an instant."""
        return max(self.proven.values(), default=self.confirmed) > instant

    @property
    def by_domain(self) -> Mapping[str, Mapping[str, float]]:
        """When each level was last proven, by SSO domain."""
        return {USUAL_DOMAIN: self.proven} if self.domains is None else self.domains

    @property
    def named(self) -> Subject | None:
        """By what messages of the hub, and to it, can name her."""
        return self.who if self.who.has_name_id else self.also

    def labels(self) -> tuple[str, ...]:
        """What this session can be ended by: its subject, and its SessionIndex."""
        return _labels(self.who, self.session_index)

    def other_labels(self) -> tuple[str, ...]:
        """The same by what the hub names her too; of another shard, as likely."""
        return () if self.also is None else _labels(self.also, self.session_index)

    def confirmed_by(self, newer: "Login") -> "Login":
        """This login after the same citizen was confirmed once more.

        A level once proven in this session stays proven. It is over when the newer
        confirmation says; where that says nothing (its ``ends`` is infinite) nothing
        changes. A clock is ahead by what was seen at best: an answer may be slow.
        """
        return replace(
            newer,
            level=max(self.level, newer.level, key=LEVELS.index),
            proven={**self.proven, **newer.proven},
            domains=self._domains_with(newer),
            ends=self.ends if isinf(newer.ends) else newer.ends,
            ahead=max(self.ahead, newer.ahead),
        )

    def _domains_with(self, newer: "Login") -> Mapping[str, Mapping[str, float]] | None:
        if self.domains is None and newer.domains is None:
            return None
        both = {**self.by_domain, **newer.by_domain}
        return {
            domain: {**self.by_domain.get(domain, {}), **proven}
            for domain, proven in both.items()
        }

    # --- as text ---

    def to_json(self) -> str:
        """JSON text, as the store keeps it."""
        # To overlook the domains would let her in where she has proven nothing.
        number = _USUAL_FORMAT if self.domains is None else FORMAT
        first = (number, *(getattr(self, name) for name in _FIRST))
        rest = {name: getattr(self, name) for name in ("attributes", *_LATER)}
        rest["who"] = self.who.as_json()
        if self.also is not None:
            rest["also"] = self.also.as_json()
        if self.left:
            rest["left"] = self.left
        if self.domains is not None:
            rest["domains"] = self.domains
        body = f"{_compact(first)}\n{_compact(rest)}"
        return f"{crc32(body.encode())}\n{body}"

    @classmethod
    def from_json(cls, text: str, key: str, seen: float) -> "Login":
        """The value that :meth:`to_json` wrote, as the store found it.

        Raises one of :data:`UNREADABLE` for any other text.
        """
        checksum, _, body = text.partition("\n")
        if checksum != str(crc32(body.encode())):
            raise ValueError("the record has a wrong checksum")
        first, end = _decode(body)
        if type(first[0]) is not int or not 1 <= first[0] <= FORMAT:
            raise ValueError(
                f"the record has the format {first[0]!r}; expected at most {FORMAT}"
            )
        rest = json.loads(body[end:])
        found = {**rest, **dict(zip(_FIRST, first[1:], strict=False))}
        _check(found)
        found["who"] = Subject.from_parts(rest["who"])
        # Of few, and of none that an older version wrote.
        also = rest.get("also")
        found["also"] = None if also is None else Subject.from_parts(also)
        found["left"] = tuple(rest.get("left", ()))
        _require(str, *found["left"])
        found["domains"] = rest.get("domains")
        _check_domains(found["domains"])
        login = object.__new__(cls)
        # Past the guard of a frozen dataclass: nobody has seen this value yet.
        for name in (*_FIRST, *_LATER, "also", "left", "domains"):
            object.__setattr__(login, name, found[name])
        # Other requests may hold this login too.
        object.__setattr__(login, "proven", _Fixed(found["proven"]))
        object.__setattr__(login, "key", key)
        object.__setattr__(login, "seen", seen)
        object.__setattr__(login, "_unread", body[end:])
        return login

    def __getattr__(self, name: str) -> Any:
        # Called for what is not there: the attributes of a login that was read. They
        # are read anew for each who asks, for others may hold this login too.
        if name == "attributes":
            return json.loads(self._unread)[name]
        raise AttributeError(name)


#: What stands in the first array of a record, in this order, after its format.
_FIRST = ("level", "ends", "confirmed", "subject", "audience", "address")
#: What stands in the object behind it, beside the attributes; nobody changes it.
_LATER = ("who", "started", "session_index", "proven", "ahead", "family")

_TEXTS = ("subject", "audience", "address", "family")
_INSTANTS = ("ends", "confirmed", "started", "ahead")
_NUMBER = (int, float)


def _labels(who: Subject, session_index: str | None) -> tuple[str, ...]:
    if session_index is None:
        return (who.label(),)
    return (who.label(), who.label(session_index))


def _check(found: Mapping[str, Any]) -> None:
    """One of :data:`UNREADABLE` where a part of a login is not what it should be."""
    LEVELS.index(found["level"])
    _require(str, *(found[name] for name in _TEXTS))
    _require(_NUMBER, *(found[name] for name in _INSTANTS), *found["proven"].values())
    _require((str, type(None)), found["session_index"])
    for values in found["attributes"].values():
        _require(list, values)
        _require(str, *values)


def _check_domains(domains: Mapping[str, Mapping[str, Any]] | None) -> None:
    for proven in () if domains is None else domains.values():
        for level, instant in proven.items():
            LEVELS.index(level)
            _require(_NUMBER, instant)


def _require(kind: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"found a {type(value).__name__} in a record")


def _known(cls: type, found: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was found, what this version knows."""
    names = {known.name for known in fields(cls)}
    return {name: value for name, value in found.items() if name in names}


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
