"""The session record: who is signed in, since when, until when, at which level.

Participant and hub keep the same kind (:class:`Login`). A participant makes it from an
assertion, and finds it by the hub's subject. The hub makes it at sign-in, and adds the
participants that got an assertion.

* ``bounded_cache``: values of visitors in memory, for a minute or two.
* ``idle_limit``: a session without activity for so long is over.
* ``login_storing``: stores a new login, and explains a rejection.
* ``retry_schedule``: when to try an entry of a retry queue again, and who may.
* ``session_keepers``: objects that keep data of a session outside the store.
* ``session_reading``: parses each text of a store once.
* ``session_records``: the record, as frozen values and as JSON text.
* ``session_renewal``: replaces a session that is confirmed or stepped up.
* ``session_service``: creates, finds, renews and ends sessions.
"""

from eilogin.sessions.session_records import UNREADABLE as UNREADABLE
from eilogin.sessions.session_records import USUAL_DOMAIN as USUAL_DOMAIN
from eilogin.sessions.session_records import Login as Login
from eilogin.sessions.session_records import Participant as Participant
from eilogin.sessions.session_records import Subject as Subject
from eilogin.sessions.session_records import frozen_attributes as frozen_attributes
from eilogin.sessions.session_renewal import create_in_place as create_in_place
from eilogin.sessions.session_service import MOST_LOGINS as MOST_LOGINS
from eilogin.sessions.session_service import Sessions as Sessions
