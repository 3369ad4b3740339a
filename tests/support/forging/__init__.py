"""What attackers make of a good message, one function for each trick.

A forgery is made from a :class:`Message`, a good one that its sender has signed, or
from nothing but keys and a request where a wrong thing is signed by the right party.
Families that fit any message (:mod:`forging.shapes`, :mod:`forging.signatures`,
:mod:`forging.documents`) stand beside those of one kind. Names are those of the list of
attacks, where it has one; ``rule`` tells what the specification demands (``must``) from
what we refuse by choice (``policy``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lxml import etree

from eilogin.saml import xml
from eilogin.saml.keys import SigningKey

_Make = TypeVar("_Make", bound=Callable[[Any], Any])


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

    @property
    def signature(self) -> etree._Element:
        found = self.covered.find(xml.q("ds:Signature"))
        assert found is not None
        return found

    @property
    def octets(self) -> bytes:
        return xml.serialize(self.root)


@dataclass(frozen=True)
class Forgery:
    """One trick. ``make`` is given what its family takes, and gives what travels."""

    name: str
    #: The class of the list of attacks, such as ``signature-wrapping``.
    kind: str
    make: Callable[[Any], Any] = field(repr=False)
    #: ``must`` or ``policy``.
    rule: str = "must"

    def __str__(self) -> str:
        return self.name


class Family:
    """Forgeries by name, in order; one of them for each decorated function::

    SHAPES = Family("signature-wrapping")


    @SHAPES("xsw-3")
    def evil_before(message: Message) -> bytes: ...
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._forgeries: dict[str, Forgery] = {}

    def __call__(
        self, name: str, *, kind: str = "", rule: str = "must"
    ) -> Callable[[_Make], _Make]:
        def add(make: _Make) -> _Make:
            assert name not in self._forgeries, f"{name} twice"
            self._forgeries[name] = Forgery(name, kind or self.kind, make, rule)
            return make

        return add

    def __iter__(self) -> Iterator[Forgery]:
        return iter(self._forgeries.values())

    def __len__(self) -> int:
        return len(self._forgeries)
