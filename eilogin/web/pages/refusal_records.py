"""Write each refusal and its cause to the log and to the audit log, by a reference."""

import logging

from eilogin import audit, metrics
from eilogin.errors import EiloginError, MountMismatch, Refused, Unavailable
from eilogin.web import environ as env
from eilogin.web.reporting.reference_numbers import new_reference
from eilogin.web.reporting.refusal_log_limits import Kind, Line, RefusalLines
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

#: Characters.
_LONGEST_CAUSE = 1000
_SHARED = "further refusals of this kind within this minute get the same reference"


def note_refusal(error: Exception, event: str, visit: Visit | None = None) -> str:
    """Write a refusal and its cause to log and audit log, once; return the reference.

    Many refusals of one kind share a reference (``refusal_log_limits``).
    """
    if isinstance(error, EiloginError) and error.reference:
        return error.reference
    visit = visit or Visit({})
    line = _line_of(error, event, visit)
    reference = line.reference
    code = code_of(error)
    if not line.is_written:
        _count(event, error)
        return reference
    _log_refusal(error, line, event, _about_peer(error, visit))
    visitor_fields = _fields_of_visitor(visit) if event == "access" else {}
    audit.event(
        event,
        _outcome_of(error),
        reference=reference,
        reason=code,
        **{"peer": _peer_of(error), **visitor_fields},
    )
    return reference


_LINES = RefusalLines()


def _line_of(error: Exception, event: str, visit: Visit) -> Line:
    # Most errors of eilogin, and refusals in a session, have a line of their own; not a
    # wrong mount, which each request causes.
    is_of_anybody = isinstance(error, Refused | Unavailable | MountMismatch)
    if not is_of_anybody or visit.environ.get(env.SESSION):
        return Line(new_reference())
    kind = Kind(event, code_of(error), _peer_of(error) or "")
    line, totals = _LINES.line_of(kind)
    for total in totals:
        _log.warning(
            "%s %s (%s): %d refusals within a minute have this reference",
            total.reference,
            total.kind.event,
            total.kind.code,
            total.times,
        )
    return line


def _count(event: str, error: Exception) -> None:
    metrics.event(
        event,
        _outcome_of(error),
        peer=_peer_of(error),
        level=None,
        reason=code_of(error),
    )


def code_of(error: Exception) -> str:
    """The code of an error, or that of an unexpected one."""
    return error.code if isinstance(error, EiloginError) else EiloginError.code


def _outcome_of(error: Exception) -> str:
    return "refused" if isinstance(error, Refused) else "failed"


def _peer_of(error: Exception) -> str | None:
    return (error.peer if isinstance(error, EiloginError) else "") or None


def _fields_of_visitor(visit: Visit) -> dict[str, str | None]:
    login = visit.session_or_none
    if login is None:
        return {}
    own = visit.trust.own
    return {
        "pseudonym": own.pseudonym(login.who.name_id),
        "session": own.pseudonym(visit.token or ""),
        "peer": login.who.issuer,
        "level": login.level,
    }


def note_in_log(error: Exception, event: str, visit: Visit | None = None) -> str:
    """Write an error to the log alone; return the reference."""
    visit = visit or Visit({})
    line = _line_of(error, event, visit)
    if line.is_written:
        _log_refusal(error, line, event, _about_peer(error, visit))
    return line.reference


def _about_peer(error: Exception, visit: Visit) -> str:
    trust = visit.trust_or_none
    if trust is None or not (isinstance(error, EiloginError) and error.peer):
        return ""
    return str(trust.about(error))


def _log_refusal(error: Exception, line: Line, event: str, about: str) -> None:
    shared = _SHARED if line.is_shared else ""
    cause = "; ".join(filter(None, (str(error)[:_LONGEST_CAUSE], about, shared)))
    # The message may quote the request, and must not begin a new line.
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cause)
    is_refused = isinstance(error, Refused)
    _log.log(
        logging.WARNING if is_refused else logging.ERROR,
        "%s %s %s (%s): %s",
        line.reference,
        event,
        _outcome_of(error),
        code_of(error),
        text,
        exc_info=None if isinstance(error, EiloginError) else error,
    )
