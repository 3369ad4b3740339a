"""The logout retry queue: logouts that some participants have not confirmed yet.

* ``departed_participants``: Former members that still need LogoutRequests.
* ``incomplete_logouts``: Incomplete logouts, for a later logout from above.
* ``hub_logout_queue``: The queue itself: its records, and when each is due.
* ``logout_retries``: Retry the logouts that are due.
* ``missed_recipients``: Store the recipients that a logout missed.
* ``participant_removal``: The end of all sessions at one participant.
* ``refused_logouts``: Count the answers of a participant without confirmation.
"""
