"""A whole federation in one process, for tests of eilogin and of your application.

pytest fixtures provide :class:`Federation` and :class:`Browser`.

* ``cookie_jar``: the cookies of a browser (RFC 6265, section 5).
* ``in_process_federation``: a hub and participants, with real keys and messages.
* ``plugin``: the pytest fixtures.
* ``strict_browser``: a browser as strict as a real one.
"""

from eilogin.testing.in_process_federation import Federation as Federation
from eilogin.testing.strict_browser import Browser as Browser
from eilogin.testing.strict_browser import File as File
