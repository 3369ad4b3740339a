"""The login record: who is logged in, since when, until when, at which level.

What belongs here: the record (:class:`Login`), its limits (absolute and idle), its
index by subject, and the verbs that make, find, renew and end it, over any store.
What does not: cookies and requests, and with them logins that are still under way
(``visit``), messages (``saml``), and who is trusted (``federation``).

A participant and the hub keep the same kind of record. A participant's record stems
from an assertion and is found by the subject that the hub named; the hub's stems from
its own sign-in and collects the participants that were told of it.

By module:

``idle_limit``
    The idle limit: a login of which nothing is seen for a while is over.
``retry_schedule``
    The schedule of a retry queue in the store: when to try again, and who may.
``session_keepers``
    Who keeps something of a login outside of the store, and takes it away at its
    end.
``session_reading``
    From what a store holds to logins: a text is taken apart once, not at every
    request.
``session_records``
    What is remembered about a login, as frozen values and as JSON text.
``session_renewal``
    A login that is confirmed or stepped up, whatever another tab does meanwhile.
``session_service``
    The verbs on logins: make, find, renew, end; over any store.
"""

from eilogin.sessions.session_records import UNREADABLE as UNREADABLE
from eilogin.sessions.session_records import USUAL_DOMAIN as USUAL_DOMAIN
from eilogin.sessions.session_records import Login as Login
from eilogin.sessions.session_records import Participant as Participant
from eilogin.sessions.session_records import Subject as Subject
from eilogin.sessions.session_renewal import create_in_place as create_in_place
from eilogin.sessions.session_service import MOST_LOGINS as MOST_LOGINS
from eilogin.sessions.session_service import Sessions as Sessions
