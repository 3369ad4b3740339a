"""Bounds on what visitors and bots can cause: work, log lines, storage and loops.

What belongs here, by module:

``client_network``
    Whether a login is used from where it was made (``bind_address``).
``login_loops``
    Logins that come round: a browser that is logged in, and is asked to log in
    again.
``rate_limited_log``
    Bound the log lines of one kind that anybody can cause, such as by a made-up
    link.
``refusal_log``
    Bound what refusals of one kind write to the logs, however many a bot
    causes.
``slots``
    Slots: a limit of simultaneous work for requests that wait for a peer.
``storage_quota``
    Limits on what kept forms take in the store: of one site, and of one client
    network.
"""
