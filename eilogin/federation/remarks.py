"""What stops nothing, and somebody should know: told at start and by ``eilogin check``.

Of what the options themselves open or leave out; what there is of our certificates is
in :mod:`eilogin.federation.dates`, and of our peers' metadata in
:mod:`eilogin.federation.peers`.
"""

from collections.abc import Iterator, Sequence

from eilogin.errors import (
    LOGOUT_IMPOSSIBLE,
    METADATA_COPY,
    METADATA_UNSIGNED,
    WEAK_ALGORITHM,
)
from eilogin.federation import dates, peers
from eilogin.federation.members import Federation
from eilogin.federation.own import HUB, Own
from eilogin.federation.peers import Remark
from eilogin.federation.trust_options import TrustOptions
from eilogin.saml.algorithms import CBC, RSA_1_5, SHA1_REDIRECT

#: What each weak algorithm opens.
_RISKS = {
    CBC: "who can send us answers may decrypt others, a byte at a time",
    RSA_1_5: "who can send us answers may find the keys of others",
    SHA1_REDIRECT: "the signature of an answer to a logout could be forged",
}


def remarks_on(
    options: TrustOptions, own: Own, federation: Federation, hubs: Sequence[str]
) -> Iterator[Remark]:
    """What stops nothing, and somebody should know: of ``hubs``, that can be used."""
    files = [str(f) for f in options.federation if not f.certificate]
    if options.federation_unsigned and files:
        are, them = ("are", "them") if len(files) > 1 else ("is", "it")
        text = (
            f"{', '.join(files)} {are} not signed: whoever can write {them} decides"
            " whom we trust"
        )
        yield Remark("federation_unsigned", METADATA_UNSIGNED, text)
    for why in federation.copies:
        text = f"a copy from before stands in, for as long as it is valid: {why}"
        yield Remark("federation", METADATA_COPY, text)
    for name in sorted(options.accept_weak):
        text = f"{name} is taken: {_RISKS[name]}"
        yield Remark("accept_weak", WEAK_ALGORITHM, text)
    is_named = own.name_id_formats or own.asks_for_any_name or own.is_digid
    if own.role != HUB and not is_named:
        text = (
            "where the hub's answer names nobody, only attributes say who she is, and"
            " single logout is impossible: neither side can tell whom to log out"
        )
        yield Remark("name_id_format", LOGOUT_IMPOSSIBLE, text)
    yield from dates.remarks(options)
    yield from peers.remarks(own, federation, hubs)
