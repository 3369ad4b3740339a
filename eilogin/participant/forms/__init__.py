"""POST replay: keep a form whose session has expired, and send it after the login.

* ``kept_forms``: stores a form, sealed for its visitor and browser.
* ``post_replay``: keeps the form of a request, and sends it after a click.
"""
