"""Find members that could be confused with a member, or conflict with it.

No likeness is a fault: a host may have several members, and a company one key for all.
But the person who decides should ask.
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
    member: RegistryMember, others: Iterable[RegistryMember]
) -> Iterator[str]:
    """Tell in sentences what a member shares with others."""
    others = [one for one in others if one.entity_id != member.entity_id]
    for told, of in _SHARED.items():
        mine = of(member)
        if found := [one.entity_id for one in others if mine & of(one)]:
            yield f"{told} {some(found, _MOST)}"


def _called(member: RegistryMember) -> set[str]:
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
    "its entityID looks like that of": _called,
    "it has the same name as": _names,
    "it has addresses at a host of": hosts_of,
    "it signs with a key of": _keys,
}
