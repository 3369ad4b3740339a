"""Who is a member of the federation, whose keys are trusted, and who we are in it.

What belongs here: the members, read from signed metadata (:class:`Federation`), this
party's own identity and addresses (:class:`Own`), and both together (:class:`Trust`).
What does not: the XML of metadata (``saml``), and serving it over HTTP
(``filters.trust``). In the order in which it can be read, below what it needs:

=========================== ==========================================================
**who is who**
``members``, ``index``      the members, as one value and as a file to look them up in
``own``, ``own_keys``       who we are; our keys, each with its turn (``key_folder``:
                            those of a folder as it is now)
``peers``                   what the metadata of our hubs must have for what we want
``trust``                   all of that together, as the filters have it
**where it comes from**
``source_lines``            a line of the option ``federation``
``sources``, ``downloads``  what lies at a source, or is fetched from it, and is taken
                            (``understanding``: if it is well signed, and in time)
``filtering``               whom of its members we want
``together``                several sources: each member is of one of them only
                            (``belonging``: of which)
**how it changes**
``folder``, ``states``      what is kept on disk, and what of that is active or waits
``refreshing``              from the sources to the next state (``made_by``: what the
                            last one was made by; ``local_files``: by which files)
``changes``                 what is otherwise, and what waits for a person
                            (``differences``: of one member; ``departed``: of who left)
``quarantine``              members that stay as they were until somebody decides
                            (``judging``: which; ``deciding``: what becomes of them)
``watching``                in each process: a refresh when it is due, and its outcome
                            (``child``: that as a process of its own)
**from the options on**
``options``                 values of options, which ``own_options`` and
                            ``trust_options`` declare
``start``                   all of it, once, when a filter is made
``remarks``, ``dates``,     what somebody should know in time: about all of it, when
``alarms``, ``readiness``   certificates end, and whether others know our next key
=========================== ==========================================================
"""

from eilogin.federation.federation_trust import Trust as Trust
from eilogin.federation.local.local_entity import Own as Own
from eilogin.federation.members.membership import Federation as Federation
from eilogin.federation.sources.metadata_sources import MetadataFile as MetadataFile
from eilogin.federation.sources.metadata_sources import MetadataSource as MetadataSource
