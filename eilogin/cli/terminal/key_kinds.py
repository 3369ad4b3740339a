"""The kinds of keys that the commands make."""

#: RSA, and the names of curves.
KEY_KINDS = ("rsa", "p-256", "p-384")
