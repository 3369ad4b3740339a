"""Activity reports: a participant reports that a visitor is active there.

Otherwise a visitor of one site becomes idle at the hub. A signed report over SOAP
delays only the idle limit of a live session whose visitor is still signed in at the
sender. It moves the last activity forward, never into the future. So a replay changes
nothing. Without single sign-on (``sso_domain`` none) it has no effect.
"""

from collections.abc import Callable

from webob import Response

from eilogin import clock
from eilogin.hub.participants.signed_in_services import where_in
from eilogin.saml import messages
from eilogin.saml.message_checks import check_activity_report
from eilogin.saml.metadata import NO_SSO, EntityDescriptor
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env
from eilogin.web.inbound_messages import receive_soap
from eilogin.web.outbound_messages import soap_answer
from eilogin.web.visit import Visit

#: The report names no session that it can prolong.
_UNKNOWN = messages.Status((messages.REQUESTER, messages.UNKNOWN_PRINCIPAL))


class ActivityReportIntake:
    """The hub's address for activity reports."""

    def respond(self, visit: Visit) -> Response:
        """Answer UnknownPrincipal unless the session is active now; raises Refused."""
        trust = visit.trust
        element, peer = receive_soap(visit, trust.participant)
        report = messages.read_activity_report(element)
        check_activity_report(
            report,
            issuer=peer.entity_id,
            destination=trust.own.url("activity"),
            now=clock.now(),
        )
        status = messages.Status() if _note(visit, report, peer.entity) else _UNKNOWN
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
        return soap_answer(response, trust.key_for(peer))


def _note(
    visit: Visit, report: messages.ActivityReport, entity: EntityDescriptor
) -> bool:
    trust, issuer = visit.trust, report.issuer
    if entity.sso_domain == NO_SSO:
        return False
    hub = trust.own.entity_id
    subject = Subject.named(report.name_id, issuer=hub, audience=issuer)
    sessions = visit.sessions
    instant = min(report.active_at, clock.now())
    noted = [
        login
        for login in sessions.find_with_participant(subject, report.session_index)
        if _is_in(visit, login, report) and sessions.note_activity(login, instant)
    ]
    report_above: Callable[[str, float], None] | None = visit.environ.get(env.ACTIVITY)
    for login in noted:
        if report_above is not None and login.session_index:
            report_above(login.session_index, instant)
    return bool(noted)


def _is_in(visit: Visit, login: Login, report: messages.ActivityReport) -> bool:
    return any(
        (participant.entity_id, participant.session_index)
        == (report.issuer, report.session_index)
        for participant in where_in(visit, login)
    )
