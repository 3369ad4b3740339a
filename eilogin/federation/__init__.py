"""Who is a member of the federation, whose keys are trusted, and who we are in it.

What belongs here: the members, read from signed metadata (:class:`Federation`), and
this party's own identity and addresses (:class:`Trust`). What does not: the XML of
metadata (``saml``), and serving it over HTTP (``filters.trust``).
"""
