"""Whom a member could be taken for, or could stand in the way of.

Nothing of it is wrong by itself: one host may have several members, and who runs them
one key for all. But who has to decide on a member should know, and ask.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote, urlsplit

from eilogin.federation.changes.member_differences import key_ids, origins
from eilogin.registry.registry_members import Member
from eilogin.saml.printable_text import some

#: So many others are named.
_MOST = 5


def likenesses(member: Member, others: Iterable[Member]) -> Iterator[str]:
    """What a member shares with others of the federation, in sentences."""
    others = [one for one in others if one.entity_id != member.entity_id]
    for told, of in _SHARED.items():
        mine = of(member)
        if found := [one.entity_id for one in others if mine & of(one)]:
            yield f"{told} {some(found, _MOST)}"


def _called(member: Member) -> set[str]:
    """Its entityID as people see it: as an address, without what looks the same."""
    text = unquote(member.entity_id).casefold().rstrip("/")
    return {re.sub(r"^https?://(www\.)?", "", text).replace(":443/", "/")}


def _names(member: Member) -> set[str]:
    texts = member.descriptor.names.values()
    folded = (unicodedata.normalize("NFKC", text).casefold() for text in texts)
    return {"".join(filter(str.isalnum, text)) for text in folded} - {""}


def hosts_of(member: Member) -> set[str]:
    """The hosts of all its addresses."""
    urls = (url for role in member.roles for url in origins(role))
    return {urlsplit(url).hostname or "" for url in urls}


def _keys(member: Member) -> set[bytes]:
    return set().union(*map(key_ids, member.roles))


#: What can be shared, and what a member has of it.
_SHARED: dict[str, Callable[[Member], set[str] | set[bytes]]] = {
    "its entityID looks like that of": _called,
    "it has the same name as": _names,
    "it has addresses at a host of": hosts_of,
    "it signs with a key of": _keys,
}
