"""A whole federation in one process, for tests of eilogin and of your application.

What belongs here: a hub and participants with memory stores (:class:`Federation`),
joined by a back channel that needs no sockets; a browser that treats cookies as real
ones do (:class:`Browser`); and the pytest fixtures that give them out.
"""

from eilogin.testing.in_process_federation import Federation as Federation
from eilogin.testing.strict_browser import Browser as Browser
from eilogin.testing.strict_browser import File as File
