"""Parts of ``eilogin serve`` that extend waitress: limits, slow clients and signals.

* ``accept_pause``: pauses while the process has no file descriptor left.
* ``large_bodies``: answers a body above ``max_request_body_size`` with a page.
* ``proxy_warnings``: warns of proxies whose X-Forwarded-For waitress removes.
* ``server_limits``: limits for a ``[server:…]`` section that sets none.
* ``slow_clients``: closes connections whose request does not arrive in time.
* ``stop_signals``: ends a command at Ctrl-C and SIGTERM.
"""
