"""Error pages of a login, each with a next step; DigiD prescribes texts (DigiD 6)."""

from collections.abc import Mapping, Sequence
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
from eilogin.participant.digid_profile import text_in
from eilogin.participant.login import hub_choice
from eilogin.participant.login.authn_requests import first_page_login_address
from eilogin.participant.login.return_targets import public_page
from eilogin.saml.assurance_levels import LEVELS
from eilogin.web.limits import login_loops
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import root, this_page
from eilogin.web.visit import Visit

#: Errors of a Response that is not proven to be from the hub, for this site.
_UNPROVEN = (MalformedMessage, MessageUnexpected, UnknownPeer, UntrustedSignature)


class LoginErrorPages:
    """Makes these pages; ``failed``: DigiD's texts of a failed login by language."""

    def __init__(self, pages: Pages, failed: Mapping[str, str]) -> None:
        self._pages = pages
        self._failed = failed

    def answer(self, visit: Visit, error: Exception) -> Response:
        """Return the page of any error; JSON for a script."""
        if isinstance(error, _UNPROVEN) and _is_answer_of_digid(visit):
            return self.answer_of_digid(visit, error)
        retry_url = _retry_url(visit, error)
        answer = self._pages.refuse(
            visit,
            error,
            event="login",
            again=retry_url,
            ways_back=ways_back(visit, retry_url),
            needed=error.names if isinstance(error, AttributeMissing) else (),
            helps=error.helps if isinstance(error, LoginFailed) else "",
            logout_url=_logout_url(visit, error),
        )
        if isinstance(error, LoginLoops):
            answer.headerlist.append(login_loops.forget())
        return answer

    def answer_of_digid(
        self, visit: Visit, error: Exception, *, ended: bool = False
    ) -> Response:
        """Return the page that DigiD prescribes if its Response signs nobody in."""
        is_other_visitor = isinstance(error, SubjectChanged)
        return self._pages.refuse(
            visit,
            error,
            event="login",
            again=_retry_url(visit, error),
            template="subject_changed.html"
            if is_other_visitor
            else "digid_failed.html",
            words=text_in(self._failed, language_of(visit)),
            ended=ended,
            back_url=public_page(visit),
        )


def ways_back(visit: Visit, retry_url: str | None) -> Sequence[tuple[str, str]]:
    """Return the link to the first page for an error page without another link."""
    trust = visit.trust_or_none
    if retry_url is not None or trust is None:
        return ()
    return [(root(trust.own.public_url), "")]


def _is_answer_of_digid(visit: Visit) -> bool:
    profile = visit.trust.own.profile
    return visit.address_or_none == "acs" and profile.failed_login_ends_session


def _retry_url(visit: Visit, error: Exception) -> str | None:
    if isinstance(error, ProofTooOld) or _is_retry_useless(error):
        return root(visit.trust.own.public_url)
    if visit.address_or_none == "acs" and not isinstance(error, SubjectMissing):
        # Without a fresh proof the hub would confirm the same visitor again.
        force = isinstance(error, AttributeMissing | SubjectChanged)
        # Another hub may send more attributes.
        lacks_attributes = isinstance(error, AttributeMissing)
        choose = lacks_attributes and hub_choice.is_needed(visit.trust)
        return first_page_login_address(visit, LEVELS[0], force=force, choose=choose)
    if isinstance(error, PathRefused | NotFound | SubjectMissing):
        return root(visit.trust.own.public_url)
    if isinstance(error, LoginLoops | StoreUnavailable) and visit.wants_page:
        return this_page(visit, visit.trust.own.public_url)
    return None


def _is_retry_useless(error: Exception) -> bool:
    if isinstance(error, LoginLoops):
        return error.cause not in (login_loops.NOT_KEPT, login_loops.TWICE)
    return isinstance(error, LoginFailed) and error.helps == "organisation"


def _logout_url(visit: Visit, error: Exception) -> str:
    # After a logout the hub asks for a proof.
    if not isinstance(error, ProofTooOld) or visit.session_or_none is None:
        return ""
    address = visit.trust.own.url("logout")
    return f"{address}?{urlencode({'next': error.target})}"
