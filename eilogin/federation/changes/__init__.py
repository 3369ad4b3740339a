"""How a federation changes, and which changes need approval.

Reading sources and the state folder does not belong here. Modules:

``approval_decisions``
    Approve or reject pending changes.
``change_approval``
    Decide for each member whether its change needs approval.
``departed_members``
    Keep the last record of members that left.
``federation_changes``
    Compare a new federation with the active one.
``member_differences``
    Describe the differences between two records of a member.
``quarantine``
    Build the records of members whose change is pending.
``source_changes``
    Decide which source a member belongs to.
"""
