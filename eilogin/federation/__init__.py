"""The members of the federation, the keys to trust, and the local entity.

This package reads the members from signed metadata (:class:`Membership`), knows the
local entity with its addresses (:class:`Own`), and joins both (:class:`Trust`). The XML
of metadata is in ``saml``; ``filters.trust`` serves it over HTTP. Modules and packages,
from high to low:

``trust_start``
    Build :class:`Trust` from options, once, when a filter is made.
``trust_notes``
    Notes on options that an operator should know.
``federation_trust``
    :class:`Trust`, the value of ``environ['eilogin.trust']``.
``refresh``
    Refresh the metadata of the federation while a site runs.
``changes``
    How a federation changes, and which changes need approval.
``state``
    The state that a site keeps of its federation on disk.
``members``
    The members of the federation, and what this site needs of them.
``sources``
    Where metadata comes from, and what eilogin accepts.
``local``
    The local entity: its names, addresses, keys and options.
"""

from eilogin.federation.federation_trust import Trust as Trust
from eilogin.federation.local.local_entity import Own as Own
from eilogin.federation.members.membership import Membership as Membership
from eilogin.federation.sources.metadata_sources import MetadataFile as MetadataFile
from eilogin.federation.sources.metadata_sources import MetadataSource as MetadataSource
