"""The answers that a tester chooses, to see what a connection makes of them.

``rehearsal = true`` puts the choice on the hub's pages. Each of them really happens:
the message that is sent is such a message, and what is not sent is waited for.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from webob import Response

from eilogin.errors import Unavailable
from eilogin.hub.questions import Question
from eilogin.saml import messages
from eilogin.saml.levels import LEVELS, Classes
from eilogin.sessions import Login
from eilogin.stores import Values

#: The name of the choice in forms and addresses of ours.
FIELD = "rehearsal"

CANCEL = "cancel"
NOT_REACHED = "not-reached"
LOWER = "lower"
EXPIRED = "expired"
SILENT = "silent"
OVER = "over"
OLD = "old"
BROKEN = "broken"
#: All of them, in the order in which a page shows them; beside the ordinary answer.
CHOICES = (CANCEL, NOT_REACHED, LOWER, EXPIRED, SILENT, OVER, OLD, BROKEN)

#: How long nothing is answered, in seconds: longer than anybody waits who should.
SILENT_FOR = 20.0
#: By how much a message is too late, in seconds: more than clocks may differ.
_LATE = 10 * 60.0

#: What says nothing of how she logged in (SAML authentication context 3.4.25).
_NO_LEVEL = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"

_SIGNATURE = re.compile(rb"(<ds:SignatureValue>)(.)")


def chosen(fields: Mapping[str, str]) -> str:
    """What stands in a form or query of ours; "" for the ordinary answer."""
    choice = fields.get(FIELD, "")
    return choice if choice in CHOICES else ""


def added(target: str, choice: str) -> str:
    """An address of ours at which a question is gone on with, and the choice."""
    separator = "&" if "?" in target else "?"
    return f"{target}{separator}{urlencode({FIELD: choice})}"


def keep(values: Values, login: Login, choice: str) -> None:
    """Keep a choice for the next answer about a login, if it is one."""
    values.take(_name(login))
    if choice:
        values.add(_name(login), choice, login.ends, durable=False)


def kept(values: Values, login: Login) -> str:
    """What is kept, or ""."""
    return values.get(_name(login)) or ""


def take(values: Values, login: Login) -> str:
    """The same, and gone: the answer after this one is ordinary again."""
    return values.take(_name(login)) or ""


def _name(login: Login) -> str:
    return f"rehearsal:{login.family}"


def changed_assertion(
    question: Question, said: messages.Assertion, classes: Classes
) -> messages.Assertion:
    """An assertion as the tester of this question wants it."""
    if question.rehearsal == LOWER:
        return replace(said, level_class=_lower(question.level, classes))
    if question.rehearsal == OVER:
        over = said.issued - _LATE
        return replace(
            said,
            not_before=over - _LATE,
            not_on_or_after=over,
            confirmation_ends=over,
        )
    if question.rehearsal == OLD:
        return replace(said, issued=said.issued - _LATE)
    return said


def changed_response(question: Question, said: messages.Response) -> messages.Response:
    """The same for the Response around it."""
    if question.rehearsal == OLD:
        return replace(said, issued=said.issued - _LATE)
    return said


def hold_back(choice: str) -> None:
    """Say nothing for a while, and then nothing that is of use."""
    if choice == SILENT:
        time.sleep(SILENT_FOR)
        raise Unavailable("a tester has chosen that the back channel does not answer")


def broken(answer: Response) -> Response:
    """An answer over SOAP whose outermost signature does not hold any more."""
    answer.body = _SIGNATURE.sub(_another, answer.body, count=1)
    return answer


def _another(found: re.Match[bytes]) -> bytes:
    return found[1] + (b"B" if found[2] == b"A" else b"A")


def _lower(level: str, classes: Classes) -> str:
    """The class of the level below, or one that says none where none is."""
    below = LEVELS[: LEVELS.index(level)]
    return classes.class_of(below[-1]) if below else _NO_LEVEL
