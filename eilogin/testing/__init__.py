"""A whole federation in one process, for tests of eilogin and of your application.

:class:`Federation` holds a hub and participants with memory stores; their back channel
needs no sockets. :class:`Browser` treats cookies as real browsers do. pytest fixtures
provide both. Nothing in eilogin imports this package.

``cookie_jar``
    Keep and send the cookies of a browser for tests (RFC 6265, section 5).
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
