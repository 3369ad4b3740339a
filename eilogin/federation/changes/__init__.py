"""How a federation changes, and which changes need approval.

Reading sources and the state folder does not belong here. Modules:

* ``approval_decisions``: approve or reject pending changes
* ``change_approval``: decide which members need approval
* ``departed_members``: the last record of members that left
* ``federation_changes``: compare a new federation with the active one
* ``member_differences``: the differences between two records of a member
* ``quarantine``: the records of members with a pending change
* ``source_changes``: decide which source a member belongs to
"""
