"""The page after a logout here, or the redirect if it would have no news."""

from collections.abc import Iterable
from typing import NamedTuple

from webob import Response

from eilogin import clock
from eilogin.participant import inner_hub
from eilogin.participant.login import hub_choice
from eilogin.participant.login.return_targets import public_page
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import at, see_other
from eilogin.web.visit import Visit

#: For these outcomes, the hub's own page may show more.
_HUB_HELPS = (
    SingleLogoutOutcome.NO_LOGIN,
    SingleLogoutOutcome.UNKNOWN,
    SingleLogoutOutcome.PARTLY,
    SingleLogoutOutcome.UNCONFIRMED,
)
#: For these outcomes, the browser goes to the target without a page of ours.
_NO_NEWS = (
    SingleLogoutOutcome.EVERYWHERE,
    SingleLogoutOutcome.CHOSEN,
    SingleLogoutOutcome.NO_LOGIN,
    SingleLogoutOutcome.UNKNOWN,
)


class AfterLogout(NamedTuple):
    """The page after a logout, and the facts that are known before the hub answers."""

    #: A path of this site, or "" for a page of ours.
    target: str
    #: Whether an inner hub began the logout; it shows the result itself.
    begun_inside: bool = False
    #: Whether the logout missed a participant, whatever the hub answers.
    is_partial: bool = False


class LogoutPages:
    """Makes the page or the redirect after a logout."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def answer(  # noqa: PLR0913 - the parts of one logout
        self,
        visit: Visit,
        then: AfterLogout,
        outcome: SingleLogoutOutcome,
        *,
        headers: Iterable[tuple[str, str]] = (),
        reference: str = "",
        again: str = "",
        at_instant: float | None = None,
        is_past: bool = False,
        status: int = 200,
        page_at: str = "",
    ) -> Response:
        """Redirect to the target if it needs no page of ours; else return a page.

        * ``again``: the address of another try, or "".
        * ``at_instant``: the instant of the logout, by default now.
        * ``is_past``: the outcome may have changed since.
        * ``page_at``: redirect to this address, which shows the page.
        """
        own, target = visit.trust.own, then.target
        if then.is_partial and outcome == SingleLogoutOutcome.EVERYWHERE:
            outcome = SingleLogoutOutcome.PARTLY
        if then.begun_inside:
            inner_hub.remember_logout_outcome(visit, target, outcome)
            return see_other(at(own.public_url, target), headers)
        if target and outcome in _NO_NEWS:
            return see_other(at(own.public_url, target), headers)
        if page_at:
            return see_other(page_at, headers)
        if is_past and outcome == SingleLogoutOutcome.EVERYWHERE:
            outcome = SingleLogoutOutcome.BEFORE
        is_everywhere = outcome == SingleLogoutOutcome.EVERYWHERE
        website = _website(visit, target)
        return self._pages.page(
            visit,
            "logged_out.html",
            status=status,
            headers=headers,
            at=clock.now() if at_instant is None else at_instant,
            everywhere=is_everywhere,
            others="" if is_everywhere else outcome,
            reference=reference,
            again_url=again,
            telephone=own.telephone,
            hub_name=_name_of_hub(visit),
            login_url=own.url("login"),
            website_url=website,
            hub_url=_link_to_hub(visit, outcome, website),
        )


def _link_to_hub(
    visit: Visit, outcome: SingleLogoutOutcome, website: str | None
) -> str:
    # A page that needs a login does not suit a visitor who has logged out.
    wants_hub = outcome in _HUB_HELPS or website is None
    return _page_of_hub(visit) if wants_hub else ""


def _page_of_hub(visit: Visit) -> str:
    hub = hub_choice.known_hub(visit)
    return visit.trust.federation.link_of(hub, language_of(visit))


def _name_of_hub(visit: Visit) -> str:
    hub = hub_choice.known_hub(visit)
    federation = visit.trust.federation
    return federation.name_of(hub, language_of(visit)) if hub else ""


def _website(visit: Visit, target: str) -> str | None:
    page = target or public_page(visit)
    return at(visit.trust.own.public_url, page) if page else None
