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
(:mod:`eilogin.hub.logout`), and one that comes from above ends all of hers here.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from webob import Response

from eilogin import audit, clock
from eilogin.errors import LoginEnded, PipelineOrder
from eilogin.hub.browser_proof import has_logged_out
from eilogin.hub.names import Names
from eilogin.hub.signin import MakeWay
from eilogin.saml.levels import LEVELS
from eilogin.sessions import Login, Subject, create_in_place
from eilogin.web import environ as env
from eilogin.web.pages import Pages
from eilogin.web.requests import allow_only, read_query, safe_next
from eilogin.web.urls import at, root, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def login_above(environ: "WSGIEnvironment") -> env.LoginService:
    """What the filter ``login`` before us left; PipelineOrder where none did."""
    found: env.LoginService | None = environ.get(env.LOGIN)
    if found is None or env.LOGOUT not in environ:
        raise PipelineOrder(
            "sign_in = above: the filters of a participant with 'hub_inside' have to "
            "stand before the filters of this hub"
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
    own = env.trust(environ).own
    return Subject(
        own.entity_id, own.entity_id, names.of_subject_above(who),
        name_qualifier=own.entity_id, sp_name_qualifier=own.entity_id,
    )  # fmt: skip


class SignInAbove:
    """Has citizens signed in by the hub above.

    ``make_way`` is called for a citizen whose browser another one signs in in.
    """

    offered = LEVELS
    #: Whether the way on has to be an address that a browser can be sent back to.
    leads_away = True

    def __init__(
        self,
        names: Names,
        make_way: MakeWay,
    ) -> None:
        self._names = names
        self._make_way = make_way

    def service(self, environ: "WSGIEnvironment", target: str) -> "ServiceAbove":
        """The call ``require`` for a request; she comes back to the same address."""
        return ServiceAbove(environ, self._names, self._make_way, target)

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
        target: str,
    ) -> None:
        self._environ = environ
        self._names = names
        self._make_way = make_way
        self._target = target
        self._above = login_above(environ)
        self._is_out = False
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
        return self._above.take_proof()

    def _taken_over(self) -> Login | None:
        """The login here that says what is proven above, made where there is none."""
        # Before anybody is sent away for what could not be kept here afterwards.
        current, above = env.session(self._environ), self._above.login
        if above is None:
            return None
        subject = subject_here(self._environ, above.who, self._names)
        if (
            current is not None
            and current.who == subject
            and _said(current) == (_name(self._environ, above), *_proof(above))
        ):
            return current
        other = env.session_to_end(self._environ)
        if other is not None and other.who != subject:
            self.first = self._make_way(self._environ, other, self._target)
        return self._made(above, subject)

    def _made(self, above: Login, subject: Subject) -> Login | None:
        environ, now = self._environ, clock.now()
        proof = Login(
            who=subject,
            level=above.level,
            started=now,
            ends=above.ends,
            confirmed=above.confirmed,
            proven=above.proven,
            attributes=above.attributes,
            session_index=_name(environ, above),
        )
        try:
            made = create_in_place(
                env.sessions(environ),
                proof,
                alone=proof,
                # Of the proof: who was logged out here since proves it again, whatever
                # was confirmed meanwhile without asking her.
                issued=max(above.proven.values(), default=0.0),
                current=env.session_beyond_idle(environ),
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
            pseudonym=own.pseudonym(subject.name_id),
            session=own.pseudonym(token),
            peer=above.who.issuer,
            level=above.level,
        )
        self.headers = [env.cookie(environ).set(token)]
        # As it is kept; None where it has ended this very moment.
        login = environ[env.SESSION] = env.sessions(environ).find(token)
        return login


def _name(environ: "WSGIEnvironment", above: Login) -> str:
    """What names a login above for as long as it lasts there."""
    return env.sessions(environ).name_of(above)


def _proof(login: Login) -> tuple[object, ...]:
    """What changes with everything that is confirmed anew."""
    return login.level, login.confirmed, login.proven


def _said(login: Login) -> tuple[object, ...]:
    """Which login above one here says, and what of it."""
    return login.session_index, *_proof(login)
