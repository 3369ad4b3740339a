"""Refresh the metadata of the federation while a site runs.

Approval of changes and the format of the state do not belong here. Modules:

* ``active_metadata``: the active state, its sources and copies
* ``metadata_refresh``: refresh the active state, member by member
* ``option_changes``: activate the earlier metadata under new options
* ``refresh_process``: refresh in a process of its own
* ``refresh_schedule``: start refreshes when due, and use a new state
* ``refresh_tries``: when eilogin tries again
* ``source_records``: the record of each source
* ``usable_hubs``: the hubs that new metadata must have
"""
