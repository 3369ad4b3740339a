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
``logout_propagation``
    Send LogoutRequests to all participants at once, from server to server.
``logout_receipts``
    The receipt of a logout, for the visitor who logged out.
``logout_redelivery``
    The logout retry queue: logouts that some participants have not confirmed.
``participant_removal``
    The end of all sessions at one participant.
``propagation_threads``
    Threads that send messages to participants, with a fair share for each.
``refused_logouts``
    How often a participant answered a LogoutRequest without confirming it.
``session_endings``
    End sessions and notify participants, without a browser or a page.
``single_logout``
    The logout endpoints of the hub, and the pages that the visitor sees.
``stored_pages``
    Read the stored state of a logout's pages, of another version too.
``browser``
    Notify participants of a logout through the visitor's browser.
"""
