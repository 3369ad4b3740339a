"""Messages in, messages out: SAML 2.0 without HTTP and without stores.

What belongs here: XML that came from outside and its limits, signatures, bindings,
messages and metadata as frozen values, what is checked of them, and the one door to
python3-saml's judgement (whose schemas ``xml`` reads). Keys come as arguments; what a
message does to a session is decided by who calls.
"""
