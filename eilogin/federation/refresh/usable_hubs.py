"""The hubs of a site in new metadata: a refresh needs all of them, usable."""

from eilogin.errors import HubUnknown, MetadataExpired, PeerUnusable
from eilogin.federation.local.local_entity import HUB, Own
from eilogin.federation.local.local_options import own_of
from eilogin.federation.members import hub_requirements
from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import TrustOptions, said_in
from eilogin.federation.state.state_folder import SiteFolder


def folder_of(options: TrustOptions) -> SiteFolder | None:
    """Where the options have us keep what we know of the federation, if anywhere."""
    if options.federation_folder is None:
        return None
    return SiteFolder.of(options.federation_folder, own_of(options).entity_id)


def hubs_of(options: TrustOptions, own: Own, federation: Membership) -> tuple[str, ...]:
    """The entityIDs of our hubs, each one that we can use; of a hub its own.

    Raises :class:`eilogin.errors.ConfigurationError` where the metadata does not say
    who the hub is, or lacks what we need of it.
    """
    if own.role == HUB:
        return (own.entity_id,)
    try:
        return hub_requirements.our_hubs(own, options.hub, federation)
    except (HubUnknown, MetadataExpired, PeerUnusable) as error:
        cure = _cure(options) if isinstance(error, MetadataExpired) else ""
        raise type(error)(f"{said_in(options)}: {error}{cure}") from error


def _cure(options: TrustOptions) -> str:
    """Return the cure of expired metadata at this site, for a message."""
    folder = folder_of(options)
    if folder is None:
        return ""
    # A refresh renews the date of a member whose change waits too. An approval alone
    # helps only if the member comes from another source now.
    cure = "; 'eilogin trust refresh FILE' fetches the sources now"
    waiting = folder.waiting
    if waiting is not None:
        cure += (
            "; a change is pending: 'eilogin trust diff FILE', then 'eilogin trust"
            f" approve FILE {waiting.id}'"
        )
    return cure
