"""How a federation changes, and which changes need approval.

* ``approval_decisions``: approves or rejects pending changes.
* ``change_approval``: decides which members need approval.
* ``departed_members``: the last record of members that left.
* ``federation_changes``: compares a new federation with the active one.
* ``member_differences``: the differences between two records of a member.
* ``quarantine``: the records of members with a pending change.
* ``source_changes``: decides which source a member belongs to.
"""
