"""Who somebody is here: her NameID, or an attribute that serves in its place.

Where an attribute serves, she is known by its name and value at this hub: the same
citizen at each login, though the hub may give her another NameID each time, or none.
No message of the hub can name her by it, so single logout cannot reach her session from
there, nor start here.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from eilogin.errors import SubjectMissing
from eilogin.federation import Trust
from eilogin.saml.messages import Assertion
from eilogin.saml.text import CONTROL
from eilogin.sessions import Subject
from eilogin.sessions.records import BY_ATTRIBUTE
from eilogin.settings import Words

NAME_ID = "name-id"


def _sources(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        kind, _, name = word.partition(":")
        if word != NAME_ID and (f"{kind}:" != BY_ATTRIBUTE or not name):
            raise ValueError("'name-id' or 'attribute:NAME', or several in order")
    if not words:
        raise ValueError("'name-id' or 'attribute:NAME', or several in order")
    return words


#: The type of the option ``subject``.
SubjectSources = Annotated[Words, AfterValidator(_sources)]


def subject_of(trust: Trust, assertion: Assertion, sources: Sequence[str]) -> Subject:
    """Whom an assertion means: by the first of ``sources`` that it has.

    An attribute names her by its one value, which is in one line. Raises
    :class:`eilogin.errors.SubjectMissing` where it has none of them.
    """
    for source in sources:
        who = _by(source, assertion, trust.own.entity_id)
        if who is not None:
            return who
    came = [] if assertion.name_id is None else [NAME_ID]
    came += (f"attribute:{name}" for name in sorted(assertion.attributes))
    raise SubjectMissing(
        f"the answer of {assertion.issuer!r} does not say who she is: expected "
        f"{' or '.join(sources)} with one value (subject); it has "
        f"{', '.join(came) or 'neither NameID nor attributes'}: "
        f"{trust.whom_to_ask(assertion.issuer)}"
    )


def _by(source: str, assertion: Assertion, audience: str) -> Subject | None:
    issuer = assertion.issuer
    if source == NAME_ID:
        if assertion.name_id is None:
            return None
        return Subject.named(assertion.name_id, issuer=issuer, audience=audience)
    values = assertion.attributes.get(source.removeprefix(BY_ATTRIBUTE), ())
    if len(values) != 1 or not values[0].strip() or CONTROL.search(values[0]):
        return None
    return Subject(issuer, audience, values[0], source)
