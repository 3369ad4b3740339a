"""What filters and apps share about HTTP.

What belongs here: the keys of environ, cookies, pages and their languages, what a
request says of itself, and SAML as requests and responses carry it: messages that come
in (``inbound``) and go out (``outbound``). What does not: decisions about who may do
what, which :mod:`eilogin.participant`, each filter and each app take.
"""
