"""Single logout at a participant: started here, received, and retried.

* ``logout_delivery``: sends a LogoutRequest by the browser, over SOAP, or later.
* ``logout_hooks``: functions of developers, called after a logout.
* ``logout_intake``: receives the LogoutRequests of the hub.
* ``logout_outcome``: the outcome of a logout at the other participants.
* ``logout_pages``: the page after a logout.
* ``logout_requests``: writes LogoutRequests, and sends them over SOAP.
* ``logout_responses``: receives LogoutResponses through the browser.
* ``logout_retry_queue``: LogoutRequests that did not reach the hub.
* ``logout_start``: ends the session here, and notifies the hub.
* ``logout_state``: a logout that waits for the hub's answer.
* ``operator_logout``: logouts by a command of the operator.
* ``pending_logouts``: logouts that the store could not carry out.
* ``unconfirmed_logouts``: logouts that the hub has not confirmed.
"""
