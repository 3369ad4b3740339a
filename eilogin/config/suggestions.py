"""Suggest the names that a misspelt name may stand for."""

import difflib
import re
from collections.abc import Iterable


def did_you_mean(
    name: str, candidates: Iterable[str], *, most: int = 1, cutoff: float = 0.6
) -> str:
    """Return ``; did you mean 'NAME'?`` with at most ``most`` names, or "".

    A name has at least the similarity ``cutoff``, up to 1 for equal names. One that
    begins with ``name`` comes first. The hosts of URLs must be close too: their rest is
    often equal.
    """
    names = list(candidates)
    close = difflib.get_close_matches(name, names, max(len(names), 1), cutoff)
    close = [candidate for candidate in close if _are_hosts_close(name, candidate)]
    close.sort(key=lambda candidate: not candidate.startswith(name))
    return f"; did you mean {' or '.join(map(repr, close[:most]))}?" if close else ""


def _are_hosts_close(name: str, other: str) -> bool:
    # Without the last labels that they share; always true for names that are not URLs.
    matches = _HOST_IN.match(name), _HOST_IN.match(other)
    hosts = [host[1].lower().split(".") for host in matches if host]
    if len(hosts) < len(matches):
        return True
    labels, other_labels = hosts
    while labels and other_labels and labels[-1] == other_labels[-1]:
        labels.pop()
        other_labels.pop()
    if not labels or not other_labels:
        return True
    compared = difflib.SequenceMatcher(None, ".".join(labels), ".".join(other_labels))
    return compared.ratio() >= _CLOSE_HOST


_HOST_IN = re.compile(r"[a-z][a-z0-9+.-]*://([^/:?#]+)", re.IGNORECASE)


_CLOSE_HOST = 0.6
