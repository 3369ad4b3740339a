"""Suggest the names that a misspelt name may stand for."""

import difflib
import re
from collections.abc import Iterable


def did_you_mean(
    name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6
) -> str:
    """``; did you mean 'NAME'?`` if known names are close, else "".

    It contains at most ``most`` names. ``cutoff`` is the least similarity; 1 means
    equal. A name that begins with ``name`` comes first, because ``name`` may be cut
    short. For URLs the hosts must be close too, because their other parts are often
    equal.
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, max(len(names), 1), cutoff)
    close = [one for one in close if _are_hosts_close(name, one)]
    close.sort(key=lambda one: not one.startswith(name))
    return f"; did you mean {' or '.join(map(repr, close[:most]))}?" if close else ""


def _are_hosts_close(name: str, other: str) -> bool:
    """Whether two hosts are similar without the labels at the end that they share.

    True for names that are no URLs.
    """
    found = _HOST_IN.match(name), _HOST_IN.match(other)
    hosts = [host[1].lower().split(".") for host in found if host]
    if len(hosts) < len(found):
        return True
    one, two = hosts
    while one and two and one[-1] == two[-1]:
        one.pop()
        two.pop()
    if not one or not two:
        return True
    compared = difflib.SequenceMatcher(None, ".".join(one), ".".join(two))
    return compared.ratio() >= _CLOSE_HOST


_HOST_IN = re.compile(r"[a-z][a-z0-9+.-]*://([^/:?#]+)", re.IGNORECASE)


_CLOSE_HOST = 0.6
