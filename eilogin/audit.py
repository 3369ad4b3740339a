"""The audit log: one line of JSON for each event, at level INFO of ``eilogin.audit``.

The fields are always the same, ``null`` where they do not apply. A pseudonym connects
the lines of a citizen without identifying the person.
"""

import json
import logging
from collections.abc import Sequence

from eilogin import clock, metrics

_log = logging.getLogger("eilogin.audit")


def event(  # noqa: PLR0913 - the fields of an event, which are fixed
    code: str,
    outcome: str = "ok",
    *,
    reference: str | None = None,
    pseudonym: str | None = None,
    session: str | None = None,
    peer: str | None = None,
    level: str | None = None,
    reason: str | None = None,
    by: str | None = None,
    changes: Sequence[str] | None = None,
) -> None:
    """Write one event.

    * ``code`` is stable, such as ``login`` or ``logout.delivered``;
    * ``outcome`` is ``ok``, ``refused`` or ``failed``;
    * ``reference`` is the number on the visitor's page, or a state of the federation;
    * ``pseudonym`` and ``session`` come from :meth:`eilogin.federation.Own.pseudonym`;
    * ``peer`` is an entityID, and ``reason`` an error's code;
    * ``by`` is the operator of the federation, and ``changes`` are in words.
    """
    fields = {
        "time": clock.utc(clock.now()).isoformat(timespec="milliseconds"),
        "code": code,
        "outcome": outcome,
        "reference": reference,
        "pseudonym": pseudonym,
        "session": session,
        "peer": peer,
        "level": level,
        "reason": reason,
        "by": by,
        "changes": changes,
    }
    # Some formatters would read the JSON as a format string.
    _log.info("%s", json.dumps(fields, ensure_ascii=True))
    metrics.event(code, outcome, peer=peer, level=level, reason=reason)
