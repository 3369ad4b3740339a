"""The pages at the end of a logout: the receipt, and the page without one."""

from collections.abc import Iterable

from webob import Response

from eilogin import clock
from eilogin.hub.logout.browser.browser_logout import (
    CONTINUE,
    LOOK,
    BrowserNotifier,
    address,
)
from eilogin.hub.logout.logout_outcomes import DONE, UNKNOWN
from eilogin.hub.logout.receipts.receipt_records import Receipt
from eilogin.saml import messages
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit

#: The variable ``others`` of logged_out.html; "partly" for other statuses.
_OTHERS = {DONE: "", UNKNOWN: "unknown"}


class ResultPages:
    """Shows the result of a logout."""

    def __init__(self, pages: Pages, in_browser: BrowserNotifier) -> None:
        self._pages = pages
        self._in_browser = in_browser

    def logged_out(
        self, visit: Visit, status: messages.Status, entity_id: str = ""
    ) -> Response:
        """Show the last page, with a link to the requester's website."""
        trust = visit.trust
        website = trust.federation.link_of(entity_id, language_of(visit))
        own = trust.own
        return self._pages.page(
            visit,
            "logged_out.html",
            headers=expired_cookie(visit),
            at=clock.now(),
            everywhere=status == DONE,
            others=_OTHERS.get(status, "partly"),
            again_url="",
            website_url=website,
            website_name=_name_of(visit, entity_id) if website else "",
            start_url="" if website else own.url("home"),
            login_url=own.url("login"),
        )

    def receipt(
        self,
        visit: Visit,
        receipt: Receipt,
        headers: Iterable[tuple[str, str]] = (),
        *,
        leads_on: bool = True,
    ) -> Response:
        """Show the receipt; ``leads_on`` links to where the visitor was."""
        trust, language = visit.trust, language_of(visit)
        handle = receipt.handle
        has_next = leads_on and (receipt.back or receipt.target)
        way_on = self._in_browser.way_on(visit, receipt)
        may_change = receipt.may_change
        receipt_url = trust.own.url("logout")
        look_url = address(trust, LOOK, handle) if leads_on else receipt_url
        name_of = trust.federation.name_of
        services = [
            (name_of(line.entity_id, language), line.state, line.confirmed)
            for line in receipt.lines()
        ]
        return self._pages.page(
            visit,
            "receipt.html",
            headers=headers,
            of_another=receipt.is_of_another,
            is_everywhere=receipt.is_everywhere,
            is_unsure=receipt.is_overtaken,
            services=services,
            kept_until=receipt.kept_until,
            tell_url=way_on,
            continue_url=address(trust, CONTINUE, handle) if has_next else None,
            # The state may still change.
            look_url=look_url if may_change else None,
            receipt_url=None if receipt.is_of_another else receipt_url,
            website_url=None if has_next else trust.own.url("home"),
            login_url=None if has_next else trust.own.url("login"),
            script="receipt.js" if may_change and not receipt.is_of_another else "",
            at=clock.now(),
        )


def _name_of(visit: Visit, entity_id: str) -> str:
    federation = visit.trust.federation
    return federation.name_of(entity_id, language_of(visit))


def expired_cookie(visit: Visit) -> list[tuple[str, str]]:
    """Return the header that deletes the cookie of an ended session.

    A citizen who is still signed in keeps it: another visitor's LogoutRequest must not
    take it from them.
    """
    cookie = visit.cookie
    is_over = visit.session_beyond_idle() is None
    return [cookie.expire()] if cookie.read(visit.cookie_header) and is_over else []
