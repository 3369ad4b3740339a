"""The end of a session in time: the warning before it, and the keep-alive.

The idle limit itself is in ``eilogin.sessions``. By module:

``activity_reports``
    Report to the hub in the background that a visitor is active here.
``expiry_warning``
    Warn the visitor in the pages of the application before the session ends.
``keep_alive``
    Record activity, and renew the session at the hub with a passive login.
"""
