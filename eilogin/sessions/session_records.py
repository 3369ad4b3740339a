"""The session record and its parts, as frozen values and as JSON text.

The text of a session has three lines of JSON (https://jsonlines.org):

* a checksum of the other two, which shows that eilogin wrote the text;
* an array of the fields that every request reads;
* an object of all other fields.

Versions of eilogin can share a store: a reader ignores unknown fields, and a higher
format number keeps older versions from reading a record. A check of all types finds a
fault before a logout does.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from math import isinf
from sys import intern
from typing import Any, NamedTuple, NoReturn, TypeVar
from zlib import crc32

from eilogin import clock
from eilogin.errors import MalformedMessage
from eilogin.saml.assurance_levels import LEVELS, reaches
from eilogin.saml.messages import UNSPECIFIED, NameID

#: Increased if a version that ignores a new field would let somebody in.
FORMAT = 2
#: For most records: older versions may read it.
_USUAL_FORMAT = 1

#: The SSO domain of a participant without a configured one.
USUAL_DOMAIN = ""

#: Prefix of the format of a subject without a NameID.
BY_ATTRIBUTE = "attribute:"

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_decode = json.JSONDecoder().raw_decode

#: Errors for a text of another program, or of an incompatible version.
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


class _FrozenDict(dict[_Key, _Value]):
    """An immutable dictionary for JSON and pickle; a copy of it is a plain one."""

    __setitem__ = __delitem__ = __ior__ = _refuse_change
    clear = pop = popitem = setdefault = update = _refuse_change

    def __reduce__(self) -> tuple[type, tuple[dict[_Key, _Value]]]:
        return dict, (dict(self),)


class _FrozenList(list[_Value]):
    """An immutable list for JSON and pickle; a copy of it is a plain one."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse_change
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse_change

    def __reduce__(self) -> tuple[type, tuple[list[_Value]]]:
        return list, (list(self),)


def frozen_attributes(
    attributes: Mapping[str, Sequence[str]],
) -> Mapping[str, Sequence[str]]:
    """Return attributes that several requests can share: nobody can change them."""
    return _FrozenDict({name: _FrozenList(v) for name, v in attributes.items()})


def _digest(*parts: str) -> str:
    # Nobody can read the names in the store.
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class _Qualifiers(NamedTuple):
    """The attributes of a NameID; "" if absent."""

    format: str
    name_qualifier: str
    sp_name_qualifier: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject: its NameID, the entity that issued it, and the one that got it.

    Absent attributes get their default, so equal subjects compare equal (SAML core
    2.2.2): Format unspecified, NameQualifier the issuer, SPNameQualifier the own
    entityID.
    """

    #: entityID of the issuing hub; at the hub, its own.
    issuer: str
    #: entityID of the participant that got the NameID; at the hub, its own.
    audience: str
    name_id: str = field(repr=False)
    format: str = UNSPECIFIED
    name_qualifier: str = ""
    sp_name_qualifier: str = ""
    #: The attributes as sent, or None if sent as above. Some products compare those of
    #: a LogoutRequest literally (LemonLDAP::NG).
    sent: _Qualifiers | None = field(default=None, compare=False, repr=False)

    @classmethod
    def named(cls, name_id: NameID, *, issuer: str, audience: str) -> "Subject":
        """Return the subject of a NameID that ``issuer`` issued for ``audience``."""
        # A NameID must not pass for an attribute.
        if name_id.format.startswith(BY_ATTRIBUTE):
            raise MalformedMessage("a NameID in a Format that stands for an attribute")
        sent = _Qualifiers(
            name_id.format, name_id.name_qualifier, name_id.sp_name_qualifier
        )
        qualifiers = _Qualifiers(
            sent.format or UNSPECIFIED,
            sent.name_qualifier or issuer,
            sent.sp_name_qualifier or audience,
        )
        return cls(
            issuer,
            audience,
            name_id.value,
            *qualifiers,
            sent=None if sent == qualifiers else sent,
        )

    @classmethod
    def from_parts(cls, record: Mapping[str, object]) -> "Subject":
        """Return the subject of a record, or raise one of :data:`UNREADABLE`."""
        values = _fields_of(cls, record)
        # Older versions do not write it.
        sent = values.pop("sent", None)
        _require(str, *values.values())
        _share(values, "issuer", "audience", "format")
        if sent is None:
            return cls(**values)
        _require(str, *sent)
        return cls(**values, sent=_Qualifiers(*sent))

    def as_json(self) -> dict[str, Any]:
        """Return the JSON for :meth:`from_parts`, without unset fields."""
        record = asdict(self)
        if self.sent is None:
            del record["sent"]
        return record

    @property
    def has_name_id(self) -> bool:
        """Whether messages can name the subject: not if an attribute identifies it."""
        return not self.format.startswith(BY_ATTRIBUTE)

    def as_name_id(self) -> NameID:
        """Return the NameID of this subject, exactly as its issuer sent it."""
        qualifiers = (self.format, self.name_qualifier, self.sp_name_qualifier)
        return NameID(self.name_id, *(self.sent or qualifiers))

    def label(self, session_index: str | None = None) -> str:
        """Return the label of all sessions of the subject, or of one SessionIndex."""
        return self._label("subject", session_index)

    def hub_label(self, session_index: str | None = None) -> str:
        """Return the label of a hub's sessions that include this participant."""
        # In one store, to end the participant's own sessions must not end the hub's.
        return self._label("told", session_index)

    @property
    def shard(self) -> str:
        """The shard of a store over several machines that holds this subject."""
        # Two characters: too few in a cookie to identify a visitor.
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
    """A participant in a hub's session; an item of that session."""

    entity_id: str
    subject: Subject
    session_index: str
    since: float
    #: Whether it signed out while the session goes on.
    is_out: bool = False

    def to_json(self) -> str:
        """Return JSON text for the store."""
        record = {**asdict(self), "subject": self.subject.as_json()}
        if not self.is_out:
            del record["is_out"]
        return _compact(record)

    @classmethod
    def from_json(cls, text: str) -> "Participant":
        """Read the text of :meth:`to_json`, or raise one of :data:`UNREADABLE`."""
        record = json.loads(text)
        subject = Subject.from_parts(record["subject"])
        participant = cls(**{**_fields_of(cls, record), "subject": subject})
        _require(str, participant.entity_id, participant.session_index)
        _require(_NUMBER, participant.since)
        _require(bool, participant.is_out)
        return participant


class _Deriving:
    """Holds what filters derive from a login; a copy or a pickle lacks it."""

    __slots__ = ("derived",)

    #: Values that a filter derives from this login alone, by a key of its own.
    derived: dict[object, Any]

    def __getattr__(self, name: str) -> Any:
        if name != "derived":
            raise AttributeError(name)
        object.__setattr__(self, name, {})
        return self.derived


@dataclass(frozen=True, slots=True)
class Login(_Deriving):
    """One citizen logged in in one browser; ``environ['eilogin.session']``.

    Instants are POSIX timestamps.
    """

    who: Subject
    level: str
    #: Sign-in, and absolute limit.
    started: float
    ends: float
    #: Last confirmation, by the hub or by the hub's password.
    confirmed: float
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    #: The hub's name for this session, for LogoutRequests.
    session_index: str | None = None
    #: Last proof of each level, for requests of fresh proof at the hub.
    proven: Mapping[str, float] = field(default_factory=dict)
    #: A hash of the client network; "" without ``bind_address``.
    address: str = field(default="", repr=False)
    #: Seconds that the confirming party's clock was ahead of ours.
    ahead: float = 0.0
    #: The hub's NameID, if ``who`` is an attribute.
    also: Subject | None = field(default=None, repr=False)
    #: entityIDs of hubs where this browser may still be logged in.
    left: Sequence[str] = ()
    #: At the hub: ``proven`` by the requester's SSO domain; None for the usual one
    #: alone.
    domains: Mapping[str, Mapping[str, float]] | None = None
    #: The visitor's name for the application: by default the NameID.
    subject: str = field(default="", repr=False, compare=False)
    #: Secret name of this login: the same after a step-up, another after a new login.
    family: str = field(default="", repr=False)
    #: The store's key, and the last activity; not in the JSON.
    key: str = field(default="", repr=False)
    seen: float = 0.0
    audience: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.subject:
            object.__setattr__(self, "subject", self.who.name_id)
        object.__setattr__(self, "audience", self.who.audience)

    @property
    def name(self) -> str:
        """The name of this session: no secret, and the same after a step-up."""
        digest = hashlib.sha256(b"family\0" + self.family.encode()).hexdigest()
        return f"{self.who.shard}:{digest}"

    @property
    def since(self) -> datetime:
        """The instant of the sign-in, in UTC."""
        return clock.utc(self.started)

    @property
    def until(self) -> datetime:
        """The instant of the absolute limit, in UTC."""
        return clock.utc(self.ends)

    def __hash__(self) -> int:
        return hash((self.who, self.family, self.started))

    def proven_at(self, level: str) -> float:
        """Return the instant of the last proof of ``level`` or a higher one, or 0."""
        instants = (
            instant
            for proven_level, instant in self.proven.items()
            if reaches(proven_level, level)
        )
        return max(instants, default=0.0)

    def proven_since(self, instant: float) -> bool:
        """Return whether the visitor proved their identity after an instant."""
        return max(self.proven.values(), default=self.confirmed) > instant

    @property
    def by_domain(self) -> Mapping[str, Mapping[str, float]]:
        """The instant of each level's last proof, by SSO domain."""
        return {USUAL_DOMAIN: self.proven} if self.domains is None else self.domains

    @property
    def named(self) -> Subject | None:
        """The subject in messages from and to the hub."""
        return self.who if self.who.has_name_id else self.also

    def labels(self) -> tuple[str, ...]:
        """Return the labels that end this session: subject, and SessionIndex."""
        return _labels(self.who, self.session_index)

    def other_labels(self) -> tuple[str, ...]:
        """Return the labels of the hub's other NameID, mostly of another shard."""
        return () if self.also is None else _labels(self.also, self.session_index)

    def confirmed_by(self, newer: "Login") -> "Login":
        """Return this login after the same citizen was confirmed once more."""
        # Proven levels stay proven. An infinite newer "ends" does not count. The better
        # value of "ahead" counts: an answer may be slow.
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
        domains = {**self.by_domain, **newer.by_domain}
        return {
            domain: {**self.by_domain.get(domain, {}), **proven}
            for domain, proven in domains.items()
        }

    # --- as text ---

    def to_json(self) -> str:
        """Return JSON text for the store."""
        # An older version, without domains, would let visitors in without proof.
        number = _USUAL_FORMAT if self.domains is None else FORMAT
        frequent = (number, *(getattr(self, name) for name in _FREQUENT))
        rare = {name: getattr(self, name) for name in ("attributes", *_RARE)}
        rare["who"] = self.who.as_json()
        if self.also is not None:
            rare["also"] = self.also.as_json()
        if self.left:
            rare["left"] = self.left
        if self.domains is not None:
            rare["domains"] = self.domains
        body = f"{_compact(frequent)}\n{_compact(rare)}"
        return f"{crc32(body.encode())}\n{body}"

    @classmethod
    def from_json(cls, text: str, key: str, seen: float) -> "Login":
        """Read the text of :meth:`to_json`, or raise one of :data:`UNREADABLE`."""
        checksum, _, body = text.partition("\n")
        if checksum != str(crc32(body.encode())):
            raise ValueError("the record has a wrong checksum")
        frequent, end = _decode(body)
        if type(frequent[0]) is not int or not 1 <= frequent[0] <= FORMAT:
            raise ValueError(
                f"the record has the format {frequent[0]!r}; expected at most {FORMAT}"
            )
        rare = json.loads(body[end:])
        record = {**rare, **dict(zip(_FREQUENT, frequent[1:], strict=False))}
        _check(record)
        _share(record, "level", "audience")
        record["who"] = Subject.from_parts(rare["who"])
        # Rare, and absent in older versions.
        also = rare.get("also")
        record["also"] = None if also is None else Subject.from_parts(also)
        record["left"] = tuple(rare.get("left", ()))
        _require(str, *record["left"])
        record["domains"] = rare.get("domains")
        _check_domains(record["domains"])
        login = object.__new__(cls)
        # The dataclass is frozen, but this instance is new.
        for name in (*_FREQUENT, *_RARE, "also", "left", "domains"):
            object.__setattr__(login, name, record[name])
        # Other requests may hold this login too.
        object.__setattr__(login, "proven", _FrozenDict(record["proven"]))
        attributes = frozen_attributes(record["attributes"])
        object.__setattr__(login, "attributes", attributes)
        object.__setattr__(login, "key", key)
        object.__setattr__(login, "seen", seen)
        return login


_FREQUENT = ("level", "ends", "confirmed", "subject", "audience", "address")
_RARE = ("who", "started", "session_index", "proven", "ahead", "family")

_TEXTS = ("subject", "audience", "address", "family")
_INSTANTS = ("ends", "confirmed", "started", "ahead")
_NUMBER = (int, float)


def _labels(subject: Subject, session_index: str | None) -> tuple[str, ...]:
    if session_index is None:
        return (subject.label(),)
    return (subject.label(), subject.label(session_index))


def _check(record: Mapping[str, Any]) -> None:
    LEVELS.index(record["level"])
    _require(str, *(record[name] for name in _TEXTS))
    _require(_NUMBER, *(record[name] for name in _INSTANTS), *record["proven"].values())
    _require((str, type(None)), record["session_index"])
    for values in record["attributes"].values():
        _require(list, values)
        _require(str, *values)


def _share(record: dict[str, Any], *names: str) -> None:
    # Many logins have the same texts. With each of them once in memory, a processor
    # finds it in its cache.
    for name in names:
        if name in record:
            record[name] = intern(record[name])


def _check_domains(domains: Mapping[str, Mapping[str, Any]] | None) -> None:
    for proven in () if domains is None else domains.values():
        for level, instant in proven.items():
            LEVELS.index(level)
            _require(_NUMBER, instant)


def _require(kind: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"found a {type(value).__name__} in a record")


def _fields_of(cls: type, record: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(cls)}
    return {name: value for name, value in record.items() if name in names}


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
