"""The receipts of logouts: where the visitor is logged out, and where not yet.

Elsewhere belong the pages (``result_pages``). By module:

``logout_receipts``
    Keep receipts, and add the latest answers of participants to them.
``receipt_records``
    The stored state of one logout, from which its receipt is shown.
"""
