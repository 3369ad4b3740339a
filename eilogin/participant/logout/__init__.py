"""Single logout at a participant: started here, received, and retried.

``logout_delivery``
    Delivers a LogoutRequest to the hub: by the browser, over SOAP, or later.
``logout_hooks``
    Hooks of developers, called when a logout has ended a login here.
``logout_intake``
    Receives the LogoutRequests of the hub.
``logout_outcome``
    The outcome of a logout at the other participants.
``logout_pages``
    The page after a logout.
``logout_requests``
    Writes LogoutRequests, sends them over SOAP, and reads the outcome.
``logout_responses``
    Receives the LogoutResponse through the browser.
``logout_retry_queue``
    LogoutRequests that did not reach the hub.
``logout_start``
    Starts a logout: ends the session, and notifies the hub.
``logout_state``
    The record of a logout that waits for the hub's answer.
``operator_logout``
    Logouts by a command of the operator.
``pending_logouts``
    Logouts that failed because of the store, kept in the browser.
``unconfirmed_logouts``
    Logouts that the hub has not confirmed, kept for this browser.
"""
