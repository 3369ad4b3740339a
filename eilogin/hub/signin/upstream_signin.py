"""Sign-in at another hub: this hub is a participant of it.

The filters of a participant, with ``hub_inside``, stand before those of this hub, which
has ``sign_in = above``. DigiD allows to pass a login on only to the applications of its
own connection (DigiD 5.3): ``passed_on_to``.

A session here has no higher level, and ends no later, than the one above. A logout here
continues at the hub above. A logout from above ends all sessions here.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from webob import Response

from eilogin import audit, clock
from eilogin.errors import LoginEnded, PipelineOrder
from eilogin.hub.browser_proof import has_logged_out
from eilogin.hub.participants.name_ids import NameIDs, citizen_here
from eilogin.hub.participants.sso_domains import ByDomain, of_proof
from eilogin.hub.signin.password_signin import (
    EndUnseen,
    LogOutOther,
)
from eilogin.hub.signin.signin_request import SignInRequest
from eilogin.saml.assurance_levels import LEVELS
from eilogin.sessions import Login, Subject, create_in_place
from eilogin.web import environ as env
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import read_query, safe_next
from eilogin.web.site_urls import at, root, see_other
from eilogin.web.visit import Visit


def login_above(visit: Visit) -> env.LoginService:
    """Return the LoginService of the filter before us, or raise PipelineOrder."""
    service: env.LoginService | None = visit.environ.get(env.LOGIN)
    if service is None or env.LOGOUT not in visit.environ:
        raise PipelineOrder(
            "sign_in = above: found no participant's filters with 'hub_inside'"
            " before the filters of this hub; expected them there"
        )
    return service


def logout_above(visit: Visit) -> env.LogoutService:
    """Return the LogoutService of the filter before us, or raise PipelineOrder."""
    login_above(visit)
    service: env.LogoutService = visit.environ[env.LOGOUT]
    return service


def go_on(
    visit: Visit,
    pages: Pages,
    url: str,
    headers: Iterable[tuple[str, str]] = (),
) -> Response:
    """Make a page that goes on to an address by itself, without JavaScript.

    Chromium stops a redirect after a form to a site outside its form-action.
    """
    refresh = ("Refresh", f"0; url={url}")
    return pages.page(visit, "going_on.html", headers=[refresh, *headers], url=url)


def subject_here(visit: Visit, subject: Subject, names: NameIDs) -> Subject:
    """Return the subject of this hub for a subject of the hub above."""
    hub = visit.trust.own.entity_id
    return citizen_here(hub, names.of_subject_above(subject))


class UpstreamSignIn:
    """Lets the hub above sign citizens in."""

    offered = LEVELS
    leads_away = True

    def __init__(
        self,
        names: NameIDs,
        make_way: LogOutOther,
        end_unseen: EndUnseen,
    ) -> None:
        self._names = names
        self._make_way = make_way
        self._end_unseen = end_unseen

    def service(self, visit: Visit, request: SignInRequest) -> "UpstreamLoginService":
        """Return the LoginService of a request."""
        return self._service(visit, request.target, request)

    def _service(
        self, visit: Visit, target: str, request: SignInRequest | None = None
    ) -> "UpstreamLoginService":
        return UpstreamLoginService(
            visit, self._names, self._make_way, self._end_unseen, target, request
        )

    def id_of(self, username: str) -> str:
        """Return "": no citizen has a username here."""
        return ""

    def username_of(self, citizen_id: str) -> str:
        """Return "": the citizen signs in elsewhere."""
        return ""

    def respond(self, visit: Visit) -> Response:
        """Answer ``/login``: a sign-in that no participant asked for."""
        visit.allow_only("GET", "HEAD")
        own, query = visit.trust.own, read_query(visit)
        if env.REFUSED in query:
            return see_other(own.url("home"))
        target = safe_next(query.get("next"), root(own.public_url))
        service = self._service(visit, target)
        page = None if service.login else service.require(LEVELS[0])
        answer = service.first or page or see_other(at(own.public_url, target))
        answer.headerlist.extend(service.headers)
        return answer


class UpstreamLoginService:
    """The LoginService with the session above; ``first`` is a page to show first."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        visit: Visit,
        names: NameIDs,
        make_way: LogOutOther,
        end_unseen: EndUnseen,
        target: str,
        request: SignInRequest | None,
    ) -> None:
        self._visit = visit
        self._names = names
        self._make_way = make_way
        self._end_unseen = end_unseen
        self._target = target
        self._request = request
        self._above = login_above(visit)
        self._is_out = False
        self._is_proven = False
        self.first: Response | None = None
        self.headers: list[tuple[str, str]] = []
        self.login = self._take_over()

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """Return the redirect to the hub above, or None if it has proven ``level``."""
        force = force or self._is_out or (not passive and self._may_be_out)
        page = self._above.require(level, force=force, passive=passive)
        if page is None:
            self.login = self._take_over()
        return page

    @property
    def _may_be_out(self) -> bool:
        # After a logout here, only a fresh proof counts.
        is_stranger = self._above.login is None
        return (
            is_stranger and not self._above.tells_proof and has_logged_out(self._visit)
        )

    def take_proof(self) -> bool:
        """Whether the visitor signed in above for this request; once."""
        is_proven, self._is_proven = self._is_proven, False
        return is_proven

    def _take_over(self) -> Login | None:
        # First, so that a fault of the store shows before the visitor leaves.
        current, above = self._visit.session, self._above.login
        if above is None:
            return None
        subject = subject_here(self._visit, above.who, self._names)
        other = self._visit.session_to_end()
        if other is not None and other.who != subject:
            self.first = self._make_way(self._visit, other, self._target)
        if self.first is None:
            # Otherwise the visitor comes back to this address.
            self._is_proven |= self._above.take_proof()
        proof = self._proof(above, subject)
        if (
            current is not None
            and current.who == subject
            and _values_from_above(current) == _values_from_above(proof)
        ):
            return current
        return self._create(above, proof)

    def _proof(self, above: Login, subject: Subject) -> Login:
        proof = Login(
            who=subject,
            level=above.level,
            started=clock.now(),
            ends=above.ends,
            confirmed=above.confirmed,
            proven=above.proven,
            attributes=above.attributes,
            session_index=above.name,
        )
        return replace(proof, domains=self._domains(proof))

    def _domains(self, proof: Login) -> ByDomain:
        earlier = self._visit.session_beyond_idle()
        if earlier is not None and (earlier.who, earlier.session_index) != (
            proof.who,
            proof.session_index,
        ):
            earlier = None
        request = self._request or SignInRequest.behind(self._visit, self._target)
        pending = request.pending
        if pending is None or not self._is_proven:
            return None if earlier is None else earlier.domains
        since = pending.received
        proven = {level: at for level, at in proof.proven.items() if at >= since}
        newer = replace(proof, proven=proven, domains=of_proof(request.domain, proven))
        return (newer if earlier is None else earlier.confirmed_by(newer)).domains

    def _create(self, above: Login, proof: Login) -> Login | None:
        visit = self._visit
        try:
            created = create_in_place(
                visit.sessions,
                proof,
                alone=proof,
                # A logout here needs a new proof, even if the hub above confirmed the
                # session since.
                issued=max(proof.proven.values(), default=0.0),
                current=visit.session_beyond_idle(),
                end_unseen=partial(self._end_unseen, visit),
            )
        except LoginEnded:
            self._is_out = True
            return None
        if created is None:
            # Another tab was faster, at a higher level.
            return None
        token, _ = created
        own = visit.trust.own
        audit.event(
            "sign-in",
            pseudonym=own.pseudonym(proof.who.name_id),
            session=own.pseudonym(token),
            peer=above.who.issuer,
            level=proof.level,
        )
        self.headers = [visit.cookie.set(token)]
        # As stored; None if it has ended meanwhile.
        login = visit.sessions.find(token)
        visit.set_session(login)
        return login


def _values_from_above(login: Login) -> tuple[object, ...]:
    return (
        login.session_index,
        login.level,
        login.confirmed,
        login.proven,
        login.domains,
    )
