"""Algorithms too weak for the default, by the names of our options.

``accept_weak`` accepts them for a trusted peer that knows no others, and the log warns
at each start.
"""

#: AES without authentication: a decryption oracle breaks it (Jager and Somorovsky,
#: 2011).
CBC = "cbc"
#: PKCS #1 v1.5 padding to transport keys: Bleichenbacher, 1998.
RSA_1_5 = "rsa-1.5"
#: In a redirect that answers a logout (DigiD 3.2); never in a request.
SHA1_REDIRECT = "sha1-redirect"

WEAK = (CBC, RSA_1_5, SHA1_REDIRECT)
