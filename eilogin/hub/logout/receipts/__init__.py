"""The receipts of logouts: where the visitor is logged out, and where not yet.

* ``logout_receipts``: Store receipts, and add the latest answers of participants.
* ``receipt_records``: The stored state of one logout, from which its receipt is shown.
"""
