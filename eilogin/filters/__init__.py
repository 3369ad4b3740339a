"""One thin WSGI filter a file; they meet only in the ini file and in environ.

What belongs here: the decisions of each filter, its options and its paste factory.
What does not: anything that two filters share, which is in ``web`` or below.
"""
