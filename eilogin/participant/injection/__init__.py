"""Add one element to a page of the application while the page streams.

* ``content_security_policy``: extends the policy for one script of this site.
* ``html_injection``: inserts one tag.
* ``page_headers``: says whether the headers allow the insertion.
"""
