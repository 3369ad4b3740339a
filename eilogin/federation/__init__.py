"""Who is a member of the federation, whose keys are trusted, and who we are in it.

What belongs here: the members, read from signed metadata (:class:`Federation`), this
party's own identity and addresses (:class:`Own`), and both together (:class:`Trust`).
What does not: the XML of metadata (``saml``), and serving it over HTTP
(``filters.trust``).
"""

from eilogin.federation.members import Federation as Federation
from eilogin.federation.own import Own as Own
from eilogin.federation.sources import MetadataFile as MetadataFile
from eilogin.federation.sources import MetadataSource as MetadataSource
from eilogin.federation.trust import Trust as Trust
