"""What attackers make of a good message, one function for each trick.

A forgery is made from a :class:`Message`, a good one that its sender has signed, or
from nothing but keys and a request where a wrong thing is signed by the right party.
Families that fit any message (:mod:`forging.shapes`, :mod:`forging.signatures`,
:mod:`forging.documents`) stand beside those of one kind. Names are those of the list of
attacks, where it has one; ``rule`` tells what the specification demands (``must``) from
what we refuse by choice (``policy``).

Each forgery is a real one: but for its trick it is as good as the message it was made
of. So ``reasons`` say for what it must be refused, and ``tests/attacks/test_forging``
looks with xmlsec whether what claims to be signed is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lxml import etree

from eilogin.saml import safe_xml
from eilogin.saml.signing_keys import SigningKey

_Make = TypeVar("_Make", bound=Callable[[Any], Any])

MALFORMED, UNTRUSTED = "message-malformed", "signature-untrusted"
TOO_LARGE = "message-too-large"

#: What a message can be signed by: itself, or an element in it.
ROOT, INSIDE = "root", "inside"
ANYWHERE = (ROOT, INSIDE)


def _as_it_is(octets: bytes) -> bytes:
    return octets


@dataclass(frozen=True)
class Message:
    """A good message, fresh: to be changed at will. It would be taken as it is."""

    #: Its root: what travels. Over SOAP what is in the body.
    root: etree._Element
    #: The element of it that is signed; the root, or an assertion in it.
    covered: etree._Element
    #: The key of its sender, and where its secret half is known nothing is safe.
    key: SigningKey = field(repr=False)
    #: A key that nobody knows, and that of another member.
    stranger: SigningKey = field(repr=False)
    member: SigningKey = field(repr=False)
    #: An element like the covered one, unsigned and with another ID, that says what
    #: the attacker wants.
    evil: Callable[[], etree._Element] = field(repr=False)
    #: An address that nobody may ask.
    outside: str = ""
    #: What is put around the octets of the root: an envelope of SOAP.
    wrap: Callable[[bytes], bytes] = field(default=_as_it_is, repr=False)

    @property
    def signature(self) -> etree._Element:
        found = self.covered.find(safe_xml.q("ds:Signature"))
        assert found is not None
        return found

    @property
    def octets(self) -> bytes:
        """What travels."""
        return self.wrap(safe_xml.serialize(self.root))

    @property
    def place(self) -> str:
        """:data:`ROOT` or :data:`INSIDE`: what is signed."""
        return ROOT if self.covered is self.root else INSIDE

    def instead(self, element: etree._Element) -> bytes:
        """What travels with another element in the place of the covered one."""
        if self.covered is self.root:
            return self.wrap(safe_xml.serialize(element))
        self.root.replace(self.covered, element)
        return self.octets


@dataclass(frozen=True)
class Forgery:
    """One trick. ``make`` is given what its family takes, and gives what travels."""

    name: str
    #: The class of the list of attacks, such as ``signature-wrapping``.
    kind: str
    make: Callable[[Any], Any] = field(repr=False)
    #: ``must`` or ``policy``; ``good`` of one that is odd, and to be taken.
    rule: str = "must"
    #: The codes in the log, one of which it is refused by; () where that depends.
    reasons: Sequence[str] = ()
    #: Of which messages it can be made: see :attr:`Message.place`.
    places: Sequence[str] = ANYWHERE
    #: Whether it is signed as it should be, by the right key, and odd in something else
    #: that xmlsec takes no offence at.
    holds: bool = False

    def __str__(self) -> str:
        return self.name

    def expects(self, reason: object) -> None:
        """That it was refused for its trick, as the log says."""
        assert not self.reasons or reason in self.reasons, f"{self}: {reason}"


class Family:
    """Forgeries by name, in order; one of them for each decorated function::

    SHAPES = Family("signature-wrapping")


    @SHAPES("xsw-3")
    def evil_before(message: Message) -> bytes: ...

    What is said after the name are the fields of a :class:`Forgery`; ``more`` are those
    of the whole family, unless one says otherwise.
    """

    def __init__(self, kind: str, **more: Any) -> None:
        self.kind = kind
        self._more = more
        self._forgeries: dict[str, Forgery] = {}

    def __call__(self, name: str, **more: Any) -> Callable[[_Make], _Make]:
        def add(make: _Make) -> _Make:
            assert name not in self._forgeries, f"{name} twice"
            said = {"kind": self.kind} | self._more | more
            self._forgeries[name] = Forgery(name=name, make=make, **said)
            return make

        return add

    def take(self, other: "Family") -> None:
        """Have those of another family too."""
        for forgery in other:
            assert forgery.name not in self._forgeries, f"{forgery} twice"
            self._forgeries[forgery.name] = forgery

    def of(self, place: str) -> list[Forgery]:
        """Those that can be made of a message that is signed there."""
        return [forgery for forgery in self if place in forgery.places]

    def __iter__(self) -> Iterator[Forgery]:
        return iter(self._forgeries.values())

    def __len__(self) -> int:
        return len(self._forgeries)
