"""How a federation changes, and which changes need approval.

What belongs here, by module:

``approval_decisions``
    Approve or reject changes in quarantine, for a person.
``change_approval``
    Which members stay as they were for now: those of which a change has to be
    approved.
``departed_members``
    Who was a member once, as it was then: to know it again if it comes back.
``federation_changes``
    What is otherwise in a federation than it was, and whether somebody looks
    first.
``member_differences``
    How a member differs from what it was before, in words; and what of that
    waits.
``quarantine``
    Members in quarantine: each stays as it was, while all others follow the
    sources.
``source_changes``
    Of which source a member is: where several name it, and where that is
    another now.
"""
