"""A whole federation in one process, for tests of eilogin and of your application.

What belongs here: a hub and participants with memory stores (:class:`Federation`),
joined by a back channel that needs no sockets; a browser that treats cookies as real
ones do (:class:`Browser`); and the pytest fixtures that give them out.

By module:

``cookie_jar``
    The cookies of a browser for tests, kept and sent as RFC 6265 has it (section
    5).
``in_process_federation``
    A hub and participants in one process, with real keys and real messages.
``plugin``
    The pytest plugin of eilogin: fixtures for tests of a wrapped application.
``strict_browser``
    A browser for tests, as strict as a real one.
"""

from eilogin.testing.in_process_federation import Federation as Federation
from eilogin.testing.strict_browser import Browser as Browser
from eilogin.testing.strict_browser import File as File
