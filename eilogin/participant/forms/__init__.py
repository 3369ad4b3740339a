"""POST replay: keep a form whose session has expired, and send it after the login.

Forms with a live session do not belong here.

* ``kept_forms``: store a form, sealed for its visitor and browser.
* ``post_replay``: keep the form of a request; send it after a click.
"""
