"""The end of a session in time: the warning before it, and the keep-alive.

* ``activity_reports``: reports to the hub that a visitor is active here.
* ``expiry_warning``: warns the visitor before the session ends.
* ``keep_alive``: renews the session at the hub with a passive login.
"""
