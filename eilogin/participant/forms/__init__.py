"""POST replay: keep a form whose session has expired, and send it after the login.

What belongs here, by module:

``kept_forms``
    Forms that were sent after their session had ended, kept for an hour.
``post_replay``
    Keeping a form whose session has ended, and sending it again after one
    click.
"""
