"""Add one element to a page of the application while it streams by.

What belongs here, by module:

``content_security_policy``
    Let a page load one script of ours, and ask one address, whatever its policy
    says.
``html_injection``
    Put one tag into a page of an application, while the page streams by.
``page_headers``
    The headers of an answer that say whether an element may be put into its page.
"""
