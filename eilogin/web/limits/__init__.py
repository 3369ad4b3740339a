"""Limits on the work, storage and login loops that visitors and bots can cause.

:mod:`eilogin.web.reporting` limits log lines.

``client_network``
    Check that a session is used from the network of its login (``bind_address``).
``login_loops``
    Detect a browser that logs in again and again.
``slots``
    Slots: a limit of simultaneous work for requests that wait for a peer.
``storage_quota``
    Limits on the storage of kept forms: for one site, and for one client network.
"""
