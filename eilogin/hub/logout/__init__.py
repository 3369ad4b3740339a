"""Single logout at the hub: end sessions, notify participants, show the receipt.

A participant's logout is in ``participant.logout``, DigiD's in ``hub.digid``. The
modules and packages:

* ``hub_logout``: Log out from the hub itself, or log out the previous person.
* ``logout_completion``: Complete a logout: browser, hub above, receipt, LogoutResponse.
* ``logout_confirmation``: Store LogoutRequests until the visitor answers a page.
* ``logout_outcomes``: The outcome of a logout, its stored form, and its status.
* ``logout_propagation``: Send LogoutRequests over SOAP to all participants at once.
* ``logout_recipients``: The recipients: each subject at each participant.
* ``logout_response_sending``: Send the LogoutResponse through the browser.
* ``logout_slots``: Execute each logout once, and a limited number at a time.
* ``propagation_threads``: Threads that send messages, with a fair share for each.
* ``requested_logouts``: The content of a LogoutRequest.
* ``result_pages``: The receipt, and the page without one.
* ``session_endings``: End sessions and notify participants, without a browser.
* ``single_logout``: The logout endpoints of the hub.
* ``logout_record_reading``: Read stored records of another version too.
* ``retry_queue``: Logouts that some participants have not confirmed yet.
* ``receipts``: The receipts of logouts, and their latest state.
* ``browser``: Notify participants of a logout through the visitor's browser.
"""
