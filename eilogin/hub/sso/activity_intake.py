"""Activity reports: a participant reports to the hub that a visitor is active there.

A visitor who works at one site for a while sends nothing to the hub. Without these
reports the hub's session becomes idle, and the next site asks for the password again.
Our participants (``activity_reports``) send a signed report over SOAP at most
once every few minutes.

A report can only delay the idle limit of a session. That session must be neither idle
nor over, the hub must have told the sender of it, and the visitor must not have logged
out there. A report moves the last activity forward only, never into the future, and
never moves the absolute limit. So a replayed report changes nothing. A participant
outside single sign-on (``sso_domain`` none) shares no session with others, so its
reports change nothing either.

Behind another hub (``sign_in = above``) the activity also counts for the session of the
filters before this hub. They report it to the hub above.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from webob import Response

from eilogin import clock
from eilogin.hub.participants.signed_in_services import where_in
from eilogin.saml import messages
from eilogin.saml.message_checks import check_activity_report
from eilogin.saml.metadata import NO_SSO
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env
from eilogin.web.inbound_messages import receive_soap
from eilogin.web.outbound_messages import soap_answer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The status where the report names no session that it can prolong.
_UNKNOWN = messages.Status((messages.REQUESTER, messages.UNKNOWN_PRINCIPAL))


class ActivityReportIntake:
    """The hub's address for activity reports."""

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """Take a report, and answer with a signed ``samlp:Response`` without assertion.

        Its status is Success where the session is active now, else UnknownPrincipal.
        Raises :class:`eilogin.errors.Refused` for a message that cannot be trusted.
        """
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.participant_keys)
        report = messages.read_activity_report(element)
        check_activity_report(
            report,
            issuer=issuer,
            destination=trust.own.url("activity"),
            now=clock.now(),
        )
        status = messages.Status() if _note(environ, report) else _UNKNOWN
        response = messages.write_response(
            messages.Response(
                id=messages.new_id(),
                issued=clock.now(),
                issuer=trust.own.entity_id,
                status=status,
                in_response_to=report.id,
            ),
            None,
        )
        return soap_answer(response, trust.key_for(issuer))


def _note(environ: "WSGIEnvironment", report: messages.ActivityReport) -> bool:
    """Note the activity; False if the report names no session that it can prolong."""
    trust, issuer = env.trust(environ), report.issuer
    entity, _ = trust.participant(issuer)
    if entity.sso_domain == NO_SSO:
        return False
    hub = trust.own.entity_id
    who = Subject.named(report.name_id, issuer=hub, audience=issuer)
    sessions = env.sessions(environ)
    instant = min(report.active_at, clock.now())
    noted = [
        login
        for login in sessions.find_told(who, report.session_index)
        if _is_in(environ, login, report) and sessions.note_activity(login, instant)
    ]
    above: Callable[[str, float], None] | None = environ.get(env.ACTIVITY)
    for login in noted:
        if above is not None and login.session_index:
            above(login.session_index, instant)
    return bool(noted)


def _is_in(
    environ: "WSGIEnvironment", login: Login, report: messages.ActivityReport
) -> bool:
    """Whether the visitor is signed in by a session where the report comes from."""
    return any(
        (told.entity_id, told.session_index) == (report.issuer, report.session_index)
        for told in where_in(environ, login)
    )
