"""Messages in, messages out: SAML 2.0 without HTTP and without stores.

What belongs here: XML that came from outside and its limits, signatures, bindings,
messages and metadata as frozen values, the checks of a login answer, and the one door
to python3-saml. Keys come as arguments; what a message does to a session is decided
by who calls.
"""
