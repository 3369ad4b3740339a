"""A whole federation in one process, for tests: ours and those of who wraps an app.

What belongs here: a hub, participants and their metadata with memory stores, joined
by a back channel that needs no sockets, and the pytest fixtures that give them out.
"""
