"""Single logout at the hub: end sessions, notify participants, show the receipt.

Elsewhere belong the logout of a participant (``participant.logout``), the worker that
retries (``hub_worker``), and single logout as DigiD does it (``digid``).

By module:

``departed_participants``
    Participants that have left the federation, and still need LogoutRequests.
``incomplete_logouts``
    Logouts that some participants missed, for a later logout from above.
``logout_confirmation``
    LogoutRequests that the hub stores until the visitor answers a page.
``logout_outcomes``
    The outcome of a logout, its stored form, and its status.
``logout_propagation``
    Send LogoutRequests to all participants at once, from server to server.
``logout_redelivery``
    The logout retry queue: logouts that some participants have not confirmed.
``logout_slots``
    Execute each logout once, and a limited number of logouts at a time.
``participant_removal``
    The end of all sessions at one participant.
``propagation_threads``
    Threads that send messages to participants, with a fair share for each.
``refused_logouts``
    How often a participant answered a LogoutRequest without confirming it.
``requested_logouts``
    The content of a LogoutRequest, and the sessions that its requester ended.
``result_pages``
    The pages at the end of a logout: the receipt, and the page without one.
``session_endings``
    End sessions and notify participants, without a browser or a page.
``single_logout``
    The logout endpoints of the hub, and the pages that the visitor sees.
``stored_pages``
    Read the stored state of a logout's pages, of another version too.
``receipts``
    The receipts of logouts, and their latest state.
``browser``
    Notify participants of a logout through the visitor's browser.
"""
