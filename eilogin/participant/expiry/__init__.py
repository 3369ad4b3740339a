"""The end of a session in time: the warning before it, and what keeps it alive.

What belongs here, by module:

``activity_reports``
    Activity reports: tell the hub in the background that a visitor is active
    here.
``expiry_warning``
    Before a session ends: how long still, and a warning in the application's
    pages.
``keep_alive``
    Who is logged in looks at a page: she counts as seen, and her login is kept
    alive.
"""
