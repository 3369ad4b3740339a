"""The members of the federation, the keys to trust, and the local entity.

* ``trust_start``: builds :class:`Trust` from options, when a filter is made.
* ``trust_notes``: notes on options for an operator.
* ``federation_trust``: :class:`Trust`, the value of ``environ['eilogin.trust']``.
* ``refresh``: refreshes the metadata while a site runs.
* ``changes``: finds changes, and those that need approval.
* ``state``: the state on disk.
* ``members``: the members (:class:`Membership`), and what this site needs of them.
* ``sources``: fetches and accepts metadata.
* ``local``: the local entity (:class:`Own`): names, addresses, keys, options.
"""

from eilogin.federation.federation_trust import Peer as Peer
from eilogin.federation.federation_trust import Trust as Trust
from eilogin.federation.local.local_entity import Own as Own
from eilogin.federation.members.membership import Membership as Membership
from eilogin.federation.sources.metadata_sources import MetadataFile as MetadataFile
from eilogin.federation.sources.metadata_sources import MetadataSource as MetadataSource
