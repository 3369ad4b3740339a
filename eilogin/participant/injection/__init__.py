"""Add one element to a page of the application while the page streams.

The caller provides the element. By module:

``content_security_policy``
    Extend the policy of a page so that one script of this site runs.
``html_injection``
    Insert one tag into a page while it streams.
``page_headers``
    The headers of an answer that say whether an element may be put into its page.
"""
