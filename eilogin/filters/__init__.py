"""One thin WSGI filter a file; they meet only in the ini file and in environ.

What belongs here: the decisions of each filter, its options and its paste factory.
What does not: anything that two filters share, which is in ``web`` or below.

By module:

``appsession``
    Give the application a session of its own, which ends when the login ends.
``identity``
    Tell the application who its visitor is, and remove what a client forged.
``login``
    Send strangers to the hub, receive its answer, and ask for a level per path.
``logout``
    Start a logout, receive one, and end what it names.
``participant``
    All filters of a participant in the right order, from one section.
``session``
    Find the visitor's session, apply its limits, and put it in environ.
``trust``
    Hold the federation, and publish this participant's own metadata.
"""
