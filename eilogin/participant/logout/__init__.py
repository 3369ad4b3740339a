"""Single logout at a participant: started here, received, and retried.

What belongs here, by module:

``logout_hooks``
    Hooks of a logout: what developers have called when a login has ended here.
``logout_intake``
    She logged out elsewhere: the hub says so, and what it names ends here.
``logout_pages``
    She is logged out here: what she sees, and what of the others.
``logout_requests``
    Telling the hub that somebody logs out: where, in which words, and what it
    answers.
``logout_retry_queue``
    The logout retry queue of a participant: LogoutRequests that did not reach
    the hub.
``logout_start``
    She logs out here: her session ends, and the hub is told, which tells all
    others.
``operator_logout``
    What the operator of a participant has it do, by a command, with no visitor
    there.
``pending_logouts``
    A logout that the store could not carry out, which the browser keeps until
    it can.
``unconfirmed_logouts``
    What a hub has to hear of a logout, for as long as it is not known to have
    heard it.
"""
