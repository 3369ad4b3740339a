"""A federation of real processes in which things go wrong, and what came of it.

:mod:`promise.sites` serves it, :mod:`promise.chaos` stands between the hub and the
participants, :mod:`promise.citizens` log in and out, :mod:`promise.witness` stands
beside the filters of each participant and writes down what they do, and
:mod:`promise.judging` says whether the promise was kept: after a logout is confirmed,
no participant answers as if she were logged in.
"""
