"""Refresh the metadata of the federation while a site runs.

Approval of changes and the format of the state do not belong here. Modules:

``active_metadata``
    The active state, its sources, and the copies that it was made from.
``metadata_refresh``
    Refresh the active state from the sources, member by member.
``option_changes``
    Activate the earlier metadata under new options.
``refresh_process``
    Refresh in a process of its own.
``refresh_schedule``
    Start refreshes when due, and use a newly active state.
``refresh_tries``
    When eilogin tries again.
``source_records``
    The record of each source.
``usable_hubs``
    The hubs of a site, which new metadata must have.
"""
