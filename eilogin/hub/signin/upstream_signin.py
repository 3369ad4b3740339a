"""A sign-in that is taken from another hub: this one stands behind a participant.

The filters of a participant stand before those of this hub, and send citizens to the
hub above; what is proven there is a login here, for as long as it lasts there::

    [pipeline:inloggen]
    pipeline = above inloggen-session inloggen-trust inloggen-hub

    [filter:above]
    use = egg:eilogin
    hub_inside = /
    cookie = eilogin-above
    protect = / optional

    [app:inloggen-hub]
    use = egg:eilogin#hub
    sign_in = above
    passed_on_to = https://burgerzaken.example.nl/eilogin/metadata

Only who is named there is answered: DigiD forbids to pass a login on to anybody but the
applications of its own connection (DIGID.md 5.3). A login here is never for more than
is proven above, and never for longer; a logout here ends it, and then goes up
(``single_logout``), and one that comes from above ends all of hers here.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from webob import Response

from eilogin import audit, clock
from eilogin.errors import LoginEnded, PipelineOrder
from eilogin.hub.browser_proof import has_logged_out
from eilogin.hub.participants.name_ids import Names, citizen_here
from eilogin.hub.participants.sso_domains import ByDomain, of_proof
from eilogin.hub.signin.password_signin import EndUnseen, MakeWay, asked_by
from eilogin.saml.assurance_levels import LEVELS
from eilogin.sessions import Login, Subject, create_in_place
from eilogin.web import environ as env
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import allow_only, read_query, safe_next
from eilogin.web.site_urls import at, root, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def login_above(environ: "WSGIEnvironment") -> env.LoginService:
    """What the filter ``login`` before us left; PipelineOrder where none did."""
    found: env.LoginService | None = environ.get(env.LOGIN)
    if found is None or env.LOGOUT not in environ:
        raise PipelineOrder(
            "sign_in = above: found no participant's filters with 'hub_inside'"
            " before the filters of this hub; expected them there"
        )
    return found


def logout_above(environ: "WSGIEnvironment") -> env.LogoutService:
    """The same for ``logout``."""
    login_above(environ)
    found: env.LogoutService = environ[env.LOGOUT]
    return found


def go_on(
    environ: "WSGIEnvironment",
    pages: Pages,
    url: str,
    headers: Iterable[tuple[str, str]] = (),
) -> Response:
    """A page that goes on to an address by itself, in the place of a redirect.

    With the hub above there is one site more between the form in which she signs in or
    logs out and the page where that leads, than who shows the form has named: its
    form-action has Chromium stop a redirect there. A page begins anew, and the header
    Refresh (HTML standard, 7.4.2.4) needs no JavaScript.
    """
    refresh = ("Refresh", f"0; url={url}")
    return pages.page(environ, "going_on.html", headers=[refresh, *headers], url=url)


def subject_here(environ: "WSGIEnvironment", who: Subject, names: Names) -> Subject:
    """Whom this hub means by a subject of the hub above."""
    hub = env.trust(environ).own.entity_id
    return citizen_here(hub, names.of_subject_above(who))


class SignInAbove:
    """Has citizens signed in by the hub above.

    ``make_way`` is called for a citizen whose browser another one signs in in, and
    ``end_unseen`` for a login that is one too many.
    """

    offered = LEVELS
    #: Whether the way on has to be an address that a browser can be sent back to.
    leads_away = True

    def __init__(
        self,
        names: Names,
        make_way: MakeWay,
        end_unseen: EndUnseen,
    ) -> None:
        self._names = names
        self._make_way = make_way
        self._end_unseen = end_unseen

    def service(self, environ: "WSGIEnvironment", target: str) -> "ServiceAbove":
        """The call ``require`` for a request; she comes back to the same address."""
        return ServiceAbove(
            environ, self._names, self._make_way, self._end_unseen, target
        )

    def id_of(self, username: str) -> str:
        """Nobody has a username here."""
        return ""

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """``/login``: a login that nobody but she asks for."""
        allow_only(environ, "GET", "HEAD")
        own, query = env.trust(environ).own, read_query(environ)
        if env.REFUSED in query:
            return see_other(own.url("home"))
        target = safe_next(query.get("next"), root(own.public_url))
        service = self.service(environ, target)
        page = None if service.login else service.require(LEVELS[0])
        answer = service.first or page or see_other(at(own.public_url, target))
        answer.headerlist.extend(service.headers)
        return answer


class ServiceAbove:
    """The answer to ``require`` (web.environ.LoginService) with what is proven above.

    ``headers`` are those with which the answer keeps the login that was made here.
    ``first`` is the page that comes before any answer, if one has to (``make_way``).
    """

    def __init__(
        self,
        environ: "WSGIEnvironment",
        names: Names,
        make_way: MakeWay,
        end_unseen: EndUnseen,
        target: str,
    ) -> None:
        self._environ = environ
        self._names = names
        self._make_way = make_way
        self._end_unseen = end_unseen
        self._target = target
        self._above = login_above(environ)
        self._is_out = False
        self._is_proven = False
        self.first: Response | None = None
        self.headers: list[tuple[str, str]] = []
        self.login = self._taken_over()

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """None where she is logged in above at ``level``; else the way there.

        Who has logged out here since gives a fresh proof, though she is known above.
        """
        force = force or self._is_out or (not passive and self._may_be_out)
        page = self._above.require(level, force=force, passive=passive)
        if page is None:
            self.login = self._taken_over()
        return page

    @property
    def _may_be_out(self) -> bool:
        """Whether she would be asked a second time, if not for a fresh proof at once.

        A stranger whose browser says that she has logged out here.
        """
        is_stranger = self._above.login is None
        return (
            is_stranger
            and not self._above.tells_proof
            and has_logged_out(self._environ)
        )

    def take_proof(self) -> bool:
        """Whether she has proven herself above for this very question; once."""
        is_proven, self._is_proven = self._is_proven, False
        return is_proven

    def _taken_over(self) -> Login | None:
        """The login here that says what is proven above, made where there is none."""
        # Before anybody is sent away for what could not be kept here afterwards.
        current, above = env.session(self._environ), self._above.login
        if above is None:
            return None
        subject = subject_here(self._environ, above.who, self._names)
        other = env.session_to_end(self._environ)
        if other is not None and other.who != subject:
            self.first = self._make_way(self._environ, other, self._target)
        if self.first is None:
            # Else she comes to this address once more.
            self._is_proven |= self._above.take_proof()
        proof = self._proof(above, subject)
        if (
            current is not None
            and current.who == subject
            and _said(current) == _said(proof)
        ):
            return current
        return self._made(above, proof)

    def _proof(self, above: Login, subject: Subject) -> Login:
        """The login here that a login above says, whether it is made already or not."""
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
        """For which SSO domains was proven what is proven above.

        For the usual one, but for what she was asked by a participant of another one.
        """
        known = env.session_beyond_idle(self._environ)
        if known is not None and (known.who, known.session_index) != (
            proof.who,
            proof.session_index,
        ):
            known = None
        question, domain = asked_by(self._environ, self._target)
        if question is None or not self._is_proven:
            return None if known is None else known.domains
        since = question.received
        new = {level: at for level, at in proof.proven.items() if at >= since}
        newer = replace(proof, proven=new, domains=of_proof(domain, new))
        return (newer if known is None else known.confirmed_by(newer)).domains

    def _made(self, above: Login, proof: Login) -> Login | None:
        environ = self._environ
        try:
            made = create_in_place(
                env.sessions(environ),
                proof,
                alone=proof,
                # Of the proof: who was logged out here since proves it again, whatever
                # was confirmed meanwhile without asking her.
                issued=max(proof.proven.values(), default=0.0),
                current=env.session_beyond_idle(environ),
                end_unseen=partial(self._end_unseen, environ),
            )
        except LoginEnded:
            self._is_out = True
            return None
        if made is None:
            # Another tab was faster, at a higher level.
            return None
        token, _ = made
        own = env.trust(environ).own
        audit.event(
            "sign-in",
            pseudonym=own.pseudonym(proof.who.name_id),
            session=own.pseudonym(token),
            peer=above.who.issuer,
            level=proof.level,
        )
        self.headers = [env.cookie(environ).set(token)]
        # As it is kept; None where it has ended this very moment.
        login = environ[env.SESSION] = env.sessions(environ).find(token)
        return login


def _said(login: Login) -> tuple[object, ...]:
    """Which login above one here says, and all that changes with a confirmation."""
    return (
        login.session_index,
        login.level,
        login.confirmed,
        login.proven,
        login.domains,
    )
