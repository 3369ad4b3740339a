"""Log lines of refused requests, within bounds, and their reference numbers.

A refusal page shows a reference number, under which the log has the cause. From the top
down:

* ``rate_limited_log``: Limit the log lines of one kind that anybody can cause.
* ``refusal_log_limits``: Limit the log lines for refusals of one kind.
* ``reference_numbers``: Reference numbers, such as ``K7F-4MP``, for the help desk.
"""
