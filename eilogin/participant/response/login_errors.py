"""What a visitor reads where a login, or a page that needs one, ends in an error.

A page with a way on that fits: to begin anew, to the first page, or to the same page
again. Of DigiD's answer she reads DigiD's own words (DigiD 6).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from webob import Response

from eilogin.errors import (
    AttributeMissing,
    LoginFailed,
    LoginLoops,
    MalformedMessage,
    MessageUnexpected,
    NotFound,
    PathRefused,
    ProofTooOld,
    StoreUnavailable,
    SubjectChanged,
    SubjectMissing,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.participant.digid_profile import said_in
from eilogin.participant.login import hub_choice
from eilogin.participant.login.authn_requests import first_page_login_address
from eilogin.participant.login.return_targets import public_page
from eilogin.saml.assurance_levels import LEVELS
from eilogin.web import environ as env
from eilogin.web.limits import login_loops
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import wants_page
from eilogin.web.site_urls import root, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: What is wrong with an answer that is not proven to be the hub's, or not to us.
_NOT_TAKEN = (MalformedMessage, MessageUnexpected, UnknownPeer, UntrustedSignature)


class LoginErrorPages:
    """Makes these pages; ``failed`` are DigiD's words by language."""

    def __init__(self, pages: Pages, failed: Mapping[str, str]) -> None:
        self._pages = pages
        self._failed = failed

    def answer(self, environ: "WSGIEnvironment", error: Exception) -> Response:
        """The page for an error, whatever it is; for a script JSON."""
        if isinstance(error, _NOT_TAKEN) and _is_answer_of_digid(environ):
            return self.answer_of_digid(environ, error)
        again = _again(environ, error)
        answer = self._pages.refuse(
            environ,
            error,
            event="login",
            again=again,
            ways_back=ways_back(environ, again),
            needed=error.names if isinstance(error, AttributeMissing) else (),
            helps=error.helps if isinstance(error, LoginFailed) else "",
            logout_url=_way_out(environ, error),
        )
        if isinstance(error, LoginLoops):
            answer.headerlist.append(login_loops.forget())
        return answer

    def answer_of_digid(
        self, environ: "WSGIEnvironment", error: Exception, *, ended: bool = False
    ) -> Response:
        """What DigiD wants a visitor to read where its answer logs nobody in.

        ``ended`` says whether the session that she had is over.
        """
        is_another = isinstance(error, SubjectChanged)
        return self._pages.refuse(
            environ,
            error,
            event="login",
            again=_again(environ, error),
            template="subject_changed.html" if is_another else "digid_failed.html",
            words=said_in(self._failed, language_of(environ)),
            ended=ended,
            back_url=public_page(environ),
        )


def ways_back(
    environ: "WSGIEnvironment", again: str | None
) -> Sequence[tuple[str, str]]:
    """The site's first page, where the page of an error has no other way on.

    None where nobody can tell what site this is: no ``trust`` stands before.
    """
    trust = environ.get(env.TRUST)
    if again is not None or trust is None:
        return ()
    return [(root(trust.own.public_url), "")]


def _is_answer_of_digid(environ: "WSGIEnvironment") -> bool:
    return environ.get(env.ADDRESS) == "acs" and env.trust(environ).own.is_digid


def _again(environ: "WSGIEnvironment", error: Exception) -> str | None:
    """Where the visitor can try again what ended in an error."""
    if isinstance(error, ProofTooOld) or _is_in_vain(error):
        return root(env.trust(environ).own.public_url)
    if environ.get(env.ADDRESS) == "acs" and not isinstance(error, SubjectMissing):
        # Who is logged in at the hub would be the same one again, without a proof.
        force = isinstance(error, AttributeMissing | SubjectChanged)
        # Another hub may tell more of her.
        other = isinstance(error, AttributeMissing)
        choose = other and hub_choice.is_needed(env.trust(environ))
        return first_page_login_address(environ, LEVELS[0], force=force, choose=choose)
    if isinstance(error, PathRefused | NotFound | SubjectMissing):
        return root(env.trust(environ).own.public_url)
    if isinstance(error, LoginLoops | StoreUnavailable) and wants_page(environ):
        return this_page(environ, env.trust(environ).own.public_url)
    return None


def _is_in_vain(error: Exception) -> bool:
    """Whether the same would come of it once more, whatever she does."""
    if isinstance(error, LoginLoops):
        return error.cause not in (login_loops.NOT_KEPT, login_loops.TWICE)
    return isinstance(error, LoginFailed) and error.helps == "organisation"


def _way_out(environ: "WSGIEnvironment", error: Exception) -> str:
    """A logout that leads to the page that needs a proof, for who is logged in.

    The hub that gave an older one then has to ask her. "" where that helps nobody.
    """
    if not isinstance(error, ProofTooOld) or env.session_or_none(environ) is None:
        return ""
    address = env.trust(environ).own.url("logout")
    return f"{address}?{urlencode({'next': error.target})}"
