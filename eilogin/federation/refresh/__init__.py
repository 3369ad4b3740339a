"""Refresh the metadata of the federation while a site runs.

Approval of changes and the format of the state do not belong here. Modules:

``metadata_refresh``
    Refresh the active state from the sources, member by member.
``refresh_process``
    Refresh in a process of its own.
``refresh_schedule``
    Start refreshes when due, and use a newly active state.
"""
