"""Notes on options that an operator should know: at start and by ``eilogin check``."""

import math
from collections.abc import Iterator, Sequence

from eilogin import clock
from eilogin.errors import (
    LOGOUT_IMPOSSIBLE,
    METADATA_COPY,
    METADATA_LONG_LIVED,
    METADATA_NOT_REFRESHED,
    METADATA_READ_ONCE,
    METADATA_UNSIGNED,
    METADATA_WAITS,
    WEAK_ALGORITHM,
    MetadataExpired,
)
from eilogin.federation.local.local_entity import HUB, Own
from eilogin.federation.members import certificate_expiry, hub_requirements
from eilogin.federation.members.hub_requirements import Remark
from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import TrustOptions, unsigned_lines
from eilogin.federation.refresh.usable_hubs import folder_of
from eilogin.federation.sources.source_lines import FederationAddress
from eilogin.federation.state.state_origin import expiry_of
from eilogin.federation.state.state_records import Active, Quarantine
from eilogin.saml.messages import write_instant
from eilogin.saml.printable_text import first_of, some
from eilogin.saml.weak_algorithms import CBC, RSA_1_5, SHA1_REDIRECT

#: Seconds. eilogin reports a longer validity.
_LONG = 366 * 86_400.0
_NAMED = 3
#: Seconds before the end without a successor.
_SOON = 3 * 86_400.0
_MOST_REASONS = 20

#: The attack that each allows.
_RISKS = {
    CBC: (
        "an attacker who can send messages to this site may decrypt other messages,"
        " byte by byte"
    ),
    RSA_1_5: (
        "an attacker who can send messages to this site may decrypt the keys of other"
        " messages"
    ),
    SHA1_REDIRECT: "an attacker could forge the signature of a LogoutResponse",
}


def remarks_on(
    options: TrustOptions, own: Own, federation: Membership, hubs: Sequence[str]
) -> Iterator[Remark]:
    """All notes; ``hubs`` are the usable ones."""
    for option, lines in unsigned_lines(options).items():
        files = [*map(str, lines)]
        pronoun = "them" if len(files) > 1 else "it"
        text = (
            f"{', '.join(files)}: eilogin verifies no signature there, so anybody"
            f" who can write {pronoun} decides whom this site trusts"
        )
        yield Remark(option, METADATA_UNSIGNED, text)
    yield from _on_lifetime(options, federation)
    yield from _on_refreshing(options, federation)
    for name in sorted(options.accept_weak):
        text = f"eilogin accepts {name}: {_RISKS[name]}"
        yield Remark("accept_weak", WEAK_ALGORITHM, text)
    by_hub = own.asks_for_any_name or own.profile.hub_chooses_name_id
    is_named = own.name_id_formats or by_hub
    if own.role != HUB and not is_named:
        text = (
            "without a NameID, only attributes identify the visitor, and single"
            " logout is impossible: neither side can name the session to end"
        )
        yield Remark("name_id_format", LOGOUT_IMPOSSIBLE, text)
    yield from certificate_expiry.remarks(options)
    yield from hub_requirements.remarks(own, federation, hubs)


def _on_lifetime(options: TrustOptions, federation: Membership) -> Iterator[Remark]:
    """Note long-lived signed metadata: an attacker could replay it."""
    if unsigned_lines(options) or not federation.is_aggregate:
        return
    ends = [federation.end_of(name) for name in federation.members]
    # A peer's own file often has no end.
    first = min((math.inf if end is None else end for end in ends), default=0.0)
    if first <= clock.now() + _LONG:
        return
    validity = (
        "has no validUntil"
        if first == math.inf
        else f"is valid until {write_instant(first)}"
    )
    text = (
        f"the federation's metadata {validity}, so an old copy could bring back"
        " removed members and keys; ask the operator for a validUntil within weeks,"
        " then set 'federation_validity'"
    )
    yield Remark("federation", METADATA_LONG_LIVED, text)


def _on_refreshing(options: TrustOptions, federation: Membership) -> Iterator[Remark]:
    folder = folder_of(options)
    fetched = [x for x in options.federation if isinstance(x, FederationAddress)]
    if folder is None and fetched:
        # The person who replaces a file knows that.
        addresses = some([*map(str, fetched)], _NAMED)
        text = (
            f"eilogin fetches {addresses} only at the start, so it does not learn of"
            " new, removed or changed members after that; set 'federation_folder'"
        )
        yield Remark("federation", METADATA_READ_ONCE, text)
    active = None if folder is None else folder.active
    if folder is None or active is None:
        return
    yield from _on_failures(active, federation)
    quarantine = folder.open_quarantine
    yield from _on_end(active, quarantine)
    if quarantine is not None:
        yield _on_quarantine(quarantine)


def _on_failures(active: Active, federation: Membership) -> Iterator[Remark]:
    noted = [source.why for source in active.state.sources if source.failures]
    failing = federation.copies or noted
    for why in failing:
        text = f"eilogin uses the previous copy while it is valid: {why}"
        yield Remark("federation", METADATA_COPY, text)
    tries = active.tries
    if tries.failures and not failing:
        since = write_instant(tries.worked or active.since)
        times = "once" if tries.failures == 1 else f"{tries.failures} times"
        text = (
            f"the metadata of {since} stays active; a refresh has failed {times} since"
        )
        yield Remark("federation", METADATA_NOT_REFRESHED, f"{text}: {tries.why}")


def _on_quarantine(quarantine: Quarantine) -> Remark:
    text = (
        f"a change is pending since {write_instant(quarantine.since)}, and eilogin"
        " keeps the old records of its members: 'eilogin trust diff FILE', then"
        f" 'eilogin trust approve FILE {quarantine.id}':"
        f" {'; '.join(first_of(quarantine.reasons, _MOST_REASONS))}"
    )
    is_whole = quarantine.state is not None
    return Remark("federation", METADATA_WAITS, text, is_fault=is_whole)


def _on_end(active: Active, quarantine: Quarantine | None) -> Iterator[Remark]:
    end = expiry_of(active.state)
    has_cause = quarantine is not None or active.tries.failures
    if end is None or end > clock.now() + (_SOON if has_cause else 0.0):
        return
    is_over = end <= clock.now()
    when = f"{'expired' if is_over else 'expires'} at {write_instant(end)}"
    nobody = "nobody can log in" if is_over else "nobody can log in after that"
    cure = "'eilogin trust refresh FILE' fetches the sources now"
    if quarantine is not None:
        cure += (
            "; a change is pending ('eilogin trust diff FILE', then 'eilogin trust"
            f" approve FILE {quarantine.id}')"
        )
    text = f"the active metadata {when}, and {nobody}: {cure}"
    yield Remark("federation", MetadataExpired.code, text, is_fault=True)
