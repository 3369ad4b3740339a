"""Find members that could be confused with a member, or conflict with it.

A likeness is no fault: a host may have several members, and a company one key for all.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote, urlsplit

from eilogin.federation.changes.member_differences import key_ids, origins
from eilogin.registry.registry_members import RegistryMember
from eilogin.saml.printable_text import some

_MOST = 5


def likenesses(
    member: RegistryMember, other_members: Iterable[RegistryMember]
) -> Iterator[str]:
    """Describe in sentences what a member shares with others."""
    other_members = [
        other for other in other_members if other.entity_id != member.entity_id
    ]
    for likeness, values_of in _SHARED.items():
        values = values_of(member)
        if similar := [
            other.entity_id for other in other_members if values & values_of(other)
        ]:
            yield f"{likeness} {some(similar, _MOST)}"


def _entity_ids(member: RegistryMember) -> set[str]:
    text = unquote(member.entity_id).casefold().rstrip("/")
    return {re.sub(r"^https?://(www\.)?", "", text).replace(":443/", "/")}


def _names(member: RegistryMember) -> set[str]:
    texts = member.descriptor.names.values()
    folded = (unicodedata.normalize("NFKC", text).casefold() for text in texts)
    return {"".join(filter(str.isalnum, text)) for text in folded} - {""}


def hosts_of(member: RegistryMember) -> set[str]:
    """Return the hosts of all its addresses."""
    urls = (url for role in member.roles for url in origins(role))
    return {urlsplit(url).hostname or "" for url in urls}


def _keys(member: RegistryMember) -> set[bytes]:
    return set().union(*map(key_ids, member.roles))


_SHARED: dict[str, Callable[[RegistryMember], set[str] | set[bytes]]] = {
    "its entityID looks like that of": _entity_ids,
    "it has the same name as": _names,
    "it has addresses at a host of": hosts_of,
    "it signs with a key of": _keys,
}
