"""What filters and apps share about HTTP.

What belongs here: the keys of environ, cookies, pages and their languages, paths and
the rules for them, what a request says of itself, and SAML as requests and responses
carry it: the question that leaves (``asking``), its answer (``answers``), and messages
that come in (``inbound``) and go out (``outbound``). What does not: decisions about who
may do what, which each filter and app takes in its own file.
"""
