"""Keys that tests need by name, and not anew: each takes a tenth of a second."""

from functools import cache

from eilogin.saml.signing_keys import new_key_pair

#: From 2020 on, for a hundred years.
_BEGINS, _DAYS = 1_577_836_800.0, 36_525


@cache
def key_pair(name: str) -> tuple[bytes, bytes]:
    """A key and its certificate, the same in all of a process, whatever its clock."""
    return new_key_pair(name, _DAYS, begins=_BEGINS)
