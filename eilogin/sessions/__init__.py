"""The session record: who is signed in, since when, until when, at which level.

Here are the record (:class:`Login`), its limits, its index by subject, and its life
over any store. Participant and hub keep the same kind. A participant makes it from an
assertion, and finds it by the hub's subject. The hub makes it at sign-in, and adds the
participants that got an assertion.

* ``idle_limit``: the idle limit: a session without activity for so long is over.
* ``login_storing``: the steps of storing a new login, and the error if the store
  rejects it.
* ``retry_schedule``: when to try an entry of a retry queue again, and who may.
* ``session_keepers``: objects that keep data of a session outside the store, and delete
  it at its end.
* ``session_reading``: parse the records of a store, each text once and not at every
  request.
* ``session_records``: the session record and its parts, as frozen values and as JSON
  text.
* ``session_renewal``: replace a session that is confirmed or stepped up, whatever
  another tab does.
* ``session_service``: create, find, renew and end sessions, over any store.
"""

from eilogin.sessions.session_records import UNREADABLE as UNREADABLE
from eilogin.sessions.session_records import USUAL_DOMAIN as USUAL_DOMAIN
from eilogin.sessions.session_records import Login as Login
from eilogin.sessions.session_records import Participant as Participant
from eilogin.sessions.session_records import Subject as Subject
from eilogin.sessions.session_renewal import create_in_place as create_in_place
from eilogin.sessions.session_service import MOST_LOGINS as MOST_LOGINS
from eilogin.sessions.session_service import Sessions as Sessions
