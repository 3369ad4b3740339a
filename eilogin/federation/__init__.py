"""The members of the federation, the keys to trust, and the local entity.

This package reads the members from signed metadata (:class:`Federation`), knows the
local entity with its addresses (:class:`Own`), and joins both (:class:`Trust`). The XML
of metadata is in ``saml``; ``filters.trust`` serves it over HTTP.

By module:

``federation_trust``
    Who we are and whom we trust, as one value: ``environ['eilogin.trust']``.
``trust_notes``
    What stops nothing, and somebody should know: told at start and by ``eilogin
    check``.
``trust_start``
    From options to :class:`Trust`: what is done once, when a filter is made.
``changes``
    How a federation changes, and which changes need approval.
``local``
    The local entity: its names, addresses, keys and the options that declare
    them.
``members``
    The members of the federation, and what this site needs of them.
``refresh``
    Refresh the metadata of the federation while a site runs.
``sources``
    Where metadata comes from: files and addresses, and what eilogin accepts of
    them.
``state``
    What a site keeps of its federation on disk.
"""

from eilogin.federation.federation_trust import Trust as Trust
from eilogin.federation.local.local_entity import Own as Own
from eilogin.federation.members.membership import Federation as Federation
from eilogin.federation.sources.metadata_sources import MetadataFile as MetadataFile
from eilogin.federation.sources.metadata_sources import MetadataSource as MetadataSource
