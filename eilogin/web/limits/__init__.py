"""Limits on the work, storage and login loops that visitors and bots can cause.

:mod:`eilogin.web.reporting` limits log lines. The modules:

* ``client_network``: Compare the client network with that of the login.
* ``login_loops``: Detect a browser that logs in again and again.
* ``slots``: A limit of simultaneous work for requests that wait for a peer.
* ``storage_quota``: Limits on the storage of forms.
"""
