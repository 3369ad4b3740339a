"""The hubs of a site, all of which new metadata must have, usable."""

from eilogin.errors import HubUnknown, MetadataExpired, PeerUnusable
from eilogin.federation.local.local_entity import HUB, Own
from eilogin.federation.local.local_options import own_of
from eilogin.federation.members import hub_requirements
from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import TrustOptions, sources_in_words
from eilogin.federation.state.state_folder import SiteFolder


def folder_of(options: TrustOptions) -> SiteFolder | None:
    """The state folder of the options, if any."""
    if options.federation_folder is None:
        return None
    return SiteFolder.of(options.federation_folder, own_of(options).entity_id)


def hubs_of(options: TrustOptions, own: Own, federation: Membership) -> tuple[str, ...]:
    """The entityIDs of our usable hubs, a hub's own; raises ConfigurationError."""
    if own.role == HUB:
        return (own.entity_id,)
    try:
        return hub_requirements.our_hubs(own, options.hub, federation)
    except (HubUnknown, MetadataExpired, PeerUnusable) as error:
        cure = _cure(options) if isinstance(error, MetadataExpired) else ""
        raise type(error)(f"{sources_in_words(options)}: {error}{cure}") from error


def _cure(options: TrustOptions) -> str:
    folder = folder_of(options)
    if folder is None:
        return ""
    # A refresh also renews the dates of members in quarantine. An approval alone helps
    # only after a move to another source.
    cure = "; 'eilogin trust refresh FILE' fetches the sources now"
    quarantine = folder.open_quarantine
    if quarantine is not None:
        cure += (
            "; a change is pending: 'eilogin trust diff FILE', then 'eilogin trust"
            f" approve FILE {quarantine.id}'"
        )
    return cure
