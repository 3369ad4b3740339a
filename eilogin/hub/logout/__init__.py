"""Single logout at the hub: end sessions, notify participants, show the receipt.

Elsewhere belong a participant's logout (``participant.logout``), the worker
(``hub_jobs``), and DigiD's logout (``digid``).

By module:

``hub_logout``
    Log out from the hub itself: its button, or another person in the browser.
``logout_completion``
    Complete a logout: browser, hub above, receipt, LogoutResponse.
``logout_confirmation``
    LogoutRequests that the hub stores until the visitor answers a page.
``logout_outcomes``
    The outcome of a logout, its stored form, and its status.
``logout_propagation``
    Send LogoutRequests to all participants at once, from server to server.
``logout_response_sending``
    Send the LogoutResponse to the requester, through the browser.
``logout_slots``
    Execute each logout once, and a limited number of logouts at a time.
``propagation_threads``
    Threads that send messages to participants, with a fair share for each.
``requested_logouts``
    The content of a LogoutRequest, and the sessions that its requester ended.
``result_pages``
    The pages at the end of a logout: the receipt, and the page without one.
``session_endings``
    End sessions and notify participants, without a browser or a page.
``single_logout``
    The logout endpoints of the hub, and the pages that the visitor sees.
``logout_record_reading``
    Read the stored state of a logout's pages, of another version too.
``retry_queue``
    Logouts that some participants have not confirmed yet.
``receipts``
    The receipts of logouts, and their latest state.
``browser``
    Notify participants of a logout through the visitor's browser.
"""
