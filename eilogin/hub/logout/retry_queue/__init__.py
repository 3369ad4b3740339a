"""The logout retry queue: logouts that some participants have not confirmed yet.

Elsewhere belong the messages (``logout_propagation``) and the worker that retries
(``hub_jobs``). By module:

``departed_participants``
    Participants that have left the federation, and still need LogoutRequests.
``incomplete_logouts``
    Logouts that some participants missed, for a later logout from above.
``hub_logout_queue``
    The queue itself: its records, and when each is due.
``missed_recipients``
    Store the recipients that a logout missed: to retry, or for the next logout.
``participant_removal``
    The end of all sessions at one participant.
``refused_logouts``
    How often a participant answered a LogoutRequest without confirming it.
"""
