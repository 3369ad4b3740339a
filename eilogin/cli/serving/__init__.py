"""Parts of ``eilogin serve``: limits, slow clients and signals.

What belongs here, by module:

``accept_pause``
    Pause accepting connections while the process has no file descriptor left.
``large_bodies``
    The answer of ``eilogin serve`` to a body above ``max_request_body_size``.
``proxy_warnings``
    Warn of proxies whose X-Forwarded-For waitress takes away.
``server_limits``
    The limits of ``eilogin serve`` that a ``[server:…]`` section does not set
    itself.
``slow_clients``
    Close connections of ``eilogin serve`` whose request does not come in time.
``stop_signals``
    Ctrl-C and SIGTERM, for commands that run until one of them comes.
"""
