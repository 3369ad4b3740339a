"""Algorithms too weak for the default, by the names of our options.

Some peers know no others. An administrator who trusts such a peer accepts them by
``accept_weak``, and the log warns at each start.
"""

#: AES in CBC mode without authentication: a decryption oracle breaks it (Jager and
#: Somorovsky, 2011).
CBC = "cbc"
#: RSA with PKCS #1 v1.5 padding to transport keys: Bleichenbacher, 1998.
RSA_1_5 = "rsa-1.5"
#: SHA-1 in the signature of a redirect that answers a logout, as DigiD signs its
#: LogoutResponse (DigiD 3.2); never in that of a request.
SHA1_REDIRECT = "sha1-redirect"

#: All of them.
WEAK = (CBC, RSA_1_5, SHA1_REDIRECT)
