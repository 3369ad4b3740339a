"""Single logout at the hub: end sessions, notify participants, show the receipt.

What belongs here, by module:

``departed_participants``
    Participants that are no members any more, and have to hear that sessions
    ended.
``logout_confirmation``
    A LogoutRequest through the browser that is kept until she says what she
    means by it.
``logout_propagation``
    Telling participants that a citizen is logged out: all at once, server to
    server.
``logout_receipts``
    What came of a logout, for who logged out: where she is out, and where not
    yet.
``logout_redelivery``
    Logouts of which participants are still to hear: kept until they know.
``participant_removal``
    The end of all sessions at one participant, such as one that leaves the
    federation.
``propagation_threads``
    Threads for what is said to participants, of which none takes more than its
    share.
``refused_logouts``
    Count how often a participant answered a LogoutRequest without confirming
    it.
``session_endings``
    The end of sessions at the hub, and who hears of it: no browser and no page.
``single_logout``
    Single logout at the hub: what asks for it, and what the citizen gets to
    see.
``stored_pages``
    What the store keeps of a logout for its pages, which may be of another
    version.
``incomplete_logouts``
    Whom a logout below has not reached, for the hub above that asks about it
    later.
``browser``
    Notify participants of a logout through the citizen's browser.
"""
