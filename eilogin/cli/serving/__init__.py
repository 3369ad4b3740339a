"""Parts of ``eilogin serve``: limits, slow clients and signals.

They extend waitress. Other servers do not use them.

``accept_pause``
    Pause accepting connections while the process has no file descriptor left.
``large_bodies``
    Answer a request whose body is above ``max_request_body_size``.
``proxy_warnings``
    Warn of proxies whose X-Forwarded-For waitress removes.
``server_limits``
    Limits for a ``[server:…]`` section that sets none.
``slow_clients``
    Close connections whose request does not arrive in time.
``stop_signals``
    End a command at Ctrl-C and SIGTERM.
"""
