"""Refresh the metadata of the federation while a site runs.

What belongs here, by module:

``metadata_refresh``
    From what the sources have now to the state that is active, member by
    member.
``refresh_process``
    A refresh as a process of its own: how it is begun, what it does, what it
    tells.
``refresh_schedule``
    While we run: what became active is used, and when it is time, there is a
    refresh.
"""
