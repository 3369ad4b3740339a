"""Keep a form whose session has expired, and send it again after one click.

A redirect to the hub would lose a POST. So eilogin keeps the form (``kept_forms``) if a
page of this site sent it and eilogin knows its visitor. After the login, a button at
``/eilogin/again`` sends the handle of the form to the address of the form, where
eilogin checks login and level, and restores the body.
"""

import logging
import re
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import unquote, urlencode, urlsplit

from webob import Response

from eilogin import audit, clock
from eilogin.config import shown_size
from eilogin.errors import (
    FormLost,
    FormOfAnother,
    FormSent,
    MessageTooLarge,
    Refused,
    StoreUnavailable,
)
from eilogin.federation import Own
from eilogin.participant.forms.kept_forms import (
    LIFETIME,
    MOST_FORMS,
    PIECE,
    FormTicket,
    KeptForm,
    KeptForms,
)
from eilogin.participant.login.authn_requests import login_address
from eilogin.participant.login.idle_end_reason import idle_limit
from eilogin.participant.login.login_required import login_reason
from eilogin.sessions import Login
from eilogin.web.browser.browser_cookies import Cookie, names
from eilogin.web.browser.per_tab_cookies import MOST_EXPIRED
from eilogin.web.browser.random_handles import HANDLE, HANDLE_LENGTH, is_handle
from eilogin.web.limits.client_network import ClientNetworkCheck, network_here, wider
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Headers, Pages
from eilogin.web.requests import (
    announced_size,
    body_in_pieces,
    origin_of,
    read_body,
    read_query,
    require_own_form,
)
from eilogin.web.site_urls import root, whole_target
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")

#: Cookies with the secrets of forms.
_COOKIES = "eilogin-kept-"
#: Names the visitor of the last session, also after its record has expired.
_OWNER = Cookie("eilogin-whose")

#: The only field of a request that sends a form again.
_FIELD = "eilogin-again"
_URLENCODED = "application/x-www-form-urlencoded"
#: Content types of a form (HTML standard, "form submission attributes").
_KINDS = (_URLENCODED, "multipart/form-data", "text/plain")
_AGAIN_LENGTH = str(len(_FIELD) + 1 + HANDLE_LENGTH)
_AGAIN = re.compile(f"{_FIELD}=({HANDLE})".encode())


def handle_in(visit: Visit) -> str | None:
    """Return the handle of a form to send again, or None; the body stays readable."""
    if (
        visit.environ.get("CONTENT_LENGTH") != _AGAIN_LENGTH
        or _kind_of(visit) != _URLENCODED
    ):
        return None
    body = read_body(visit, HANDLE_LENGTH * 2)
    visit.environ["wsgi.input"] = BytesIO(body)
    match = _AGAIN.fullmatch(body)
    return match[1].decode() if match else None


class PostReplay:
    """Keeps forms of at most ``limit`` bytes, and sends them again; 0 keeps none.

    A request from another client network counts as anonymous. Otherwise its forms could
    displace those of the visitor.
    """

    def __init__(
        self, pages: Pages, limit: int, client_network: ClientNetworkCheck
    ) -> None:
        self._pages = pages
        self._limit = limit
        self._client_network = client_network

    def owner_cookie(self, visit: Visit, login: Login, token: str) -> Headers:
        """Return the header of the cookie that names the visitor of a session later."""
        if not self._limit:
            return []
        longest = visit.sessions.max_session
        age = min(login.ends - clock.now(), longest) + LIFETIME
        network = self._client_network.required(visit)
        until = clock.now() + age
        note = self._forms(visit).note_for(login.who, token, until, network)
        return [_OWNER.set(note, max_age=int(age))]

    def _forms(self, visit: Visit) -> KeptForms:
        return KeptForms(visit.values, _own(visit), self._limit)

    def store(
        self,
        visit: Visit,
        level: str,
        handle: str | None,
        otherwise: Response,
    ) -> Response:
        """Return the answer to a form that was sent to a page that needs ``level``.

        ``otherwise`` answers a script, and a form that eilogin does not keep or read.
        ``handle``: a form that the visitor has sent again; it stays kept.
        """
        if not visit.is_navigation:
            return otherwise
        try:
            answer = (
                self._store(visit, level)
                if handle is None
                else self._store_again(visit, level, handle)
            )
        except MessageTooLarge as error:
            return self._too_large(visit, level, error)
        except (FormLost, FormSent) as error:
            return self._refused(visit, error)
        except StoreUnavailable as error:
            _log.warning("POST replay: the form was not kept: %s", error)
            return otherwise
        return answer or otherwise

    def _store_again(self, visit: Visit, level: str, handle: str) -> Response:
        self._forms(visit).check(handle)
        return self._ask_to_log_in(visit, level, handle)

    def _store(self, visit: Visit, level: str) -> Response | None:
        if not (self._limit and _is_of_this_site(visit) and _is_plain_form(visit)):
            return None
        tag = self._tag_of_owner(visit)
        if tag is None:
            return None
        pieces = body_in_pieces(visit, self._limit, PIECE)
        form = KeptForm(
            target=whole_target(visit, _own(visit).public_url),
            content_type=visit.environ["CONTENT_TYPE"],
            referer=visit.environ.get("HTTP_REFERER", ""),
            sent=clock.now(),
            body=next(pieces, b""),
        )
        ticket = self._forms(visit).store(
            form,
            tag,
            pieces,
            reserved=announced_size(visit, self._limit),
            network=wider(network_here(visit)),
        )
        if ticket is None:
            return None
        audit.event("form.kept", level=level)
        cookie = _cookie(ticket.handle).set(ticket.secret, max_age=int(LIFETIME))
        return self._ask_to_log_in(
            visit, level, ticket.handle, [cookie, *_expire_oldest(visit)]
        )

    def _tag_of_owner(self, visit: Visit) -> str | None:
        # The session names the visitor, even if idle, or the note, valid only with its
        # cookie.
        login = visit.session or visit.session_beyond_idle()
        if login is not None:
            login = self._client_network.of_this_network(visit, login)
            return None if login is None else self._forms(visit).tag_of(login.who)
        token, note = visit.token, _OWNER.read(visit.cookie_header)
        if token is None or note is None:
            return None
        network = self._client_network.required(visit)
        return self._forms(visit).tag_in(note, token, network)

    def _ask_to_log_in(
        self,
        visit: Visit,
        level: str,
        handle: str,
        headers: Headers = (),
    ) -> Response:
        again = urlsplit(_own(visit).url("again")).path
        target = f"{again}?{urlencode({'form': handle})}"
        return self._pages.page(
            visit,
            "login_needed.html",
            status=403,
            headers=headers,
            login_url=login_address(visit, target, level),
            name=name_of(_own(visit), language_of(visit)),
            idle_hours=idle_limit(visit) / 3600 or None,
            kept_until=clock.now() + LIFETIME,
            **login_reason(visit, level),
        )

    def _too_large(self, visit: Visit, level: str, error: MessageTooLarge) -> Response:
        audit.event("form.kept", "refused", level=level, reason=error.code)
        return self._pages.page(
            visit,
            "form_too_large.html",
            status=error.status,
            limit=shown_size(self._limit),
            name=name_of(_own(visit), language_of(visit)),
            login_url=login_address(visit, root(_own(visit).public_url), level),
        )

    def show(self, visit: Visit) -> Response:
        """``/eilogin/again``: the button that sends the form again."""
        handle = read_query(visit).get("form", "")
        try:
            who = _login(visit).who
            form = self._forms(visit).look(*_ticket(visit, handle), who)
        except Refused as error:
            return self._refusal(visit, error, handle)
        return self._pages.page(
            visit,
            "send_again.html",
            # The application may redirect anywhere.
            form_action=None,
            action=form.target,
            field=_FIELD,
            handle=handle,
            name=name_of(_own(visit), language_of(visit)),
            sent=form.sent,
            path=unquote(form.target.partition("?")[0]),
            back_url=root(_own(visit).public_url),
        )

    def send(self, visit: Visit, handle: str) -> Response | None:
        """Turn a request with a handle into its form; return None, or an error page."""
        own, login = _own(visit), _login(visit)
        require_own_form(visit, own.public_url)
        target = whole_target(visit, own.public_url)
        try:
            form, body = self._forms(visit).take(
                *_ticket(visit, handle), login.who, target
            )
        except Refused as error:
            return self._refusal(visit, error, handle)
        audit.event(
            "form.sent", pseudonym=own.pseudonym(login.who.name_id), level=login.level
        )
        _restore_form(visit, form, body)
        return None

    def _refusal(self, visit: Visit, error: Refused, handle: str) -> Response:
        response = self._refused(visit, error)
        if isinstance(error, FormOfAnother):
            response.headerlist.append(_cookie(handle).expire())
        return response

    def _refused(self, visit: Visit, error: Refused) -> Response:
        first_page = root(_own(visit).public_url)
        return self._pages.refuse(visit, error, event="form", again=first_page)


def _restore_form(visit: Visit, form: KeptForm, body: BinaryIO) -> None:
    changes: dict[str, Any] = {
        "wsgi.input": body,
        "CONTENT_LENGTH": str(form.size),
        "CONTENT_TYPE": form.content_type,
        # Some applications redirect to the page of the form.
        "HTTP_REFERER": form.referer,
    }
    visit.environ.update(changes)
    if not form.referer:
        del visit.environ["HTTP_REFERER"]


def _is_of_this_site(visit: Visit) -> bool:
    # Fetch Metadata 2.3, RFC 6454 7
    site = visit.environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return bool(site == "same-origin")
    origin = visit.environ.get("HTTP_ORIGIN", "").lower()
    return bool(origin == origin_of(_own(visit).public_url))


def _is_plain_form(visit: Visit) -> bool:
    return _kind_of(visit) in _KINDS and "HTTP_CONTENT_ENCODING" not in visit.environ


def _kind_of(visit: Visit) -> str:
    kind: str = visit.environ.get("CONTENT_TYPE", "")
    return kind.partition(";")[0].strip().lower()


def _ticket(visit: Visit, handle: str) -> FormTicket:
    if not is_handle(handle):
        raise FormLost("the handle of a kept form is malformed")
    return FormTicket(handle, _cookie(handle).read(visit.cookie_header) or "")


def _cookie(handle: str) -> Cookie:
    return Cookie(_COOKIES + handle)


def _expire_oldest(visit: Visit) -> Headers:
    # Not their forms: a request can name the cookie of another visitor's form.
    suffixes = [
        name.removeprefix(_COOKIES) for name in names(visit.cookie_header, _COOKIES)
    ]
    handles = sorted(filter(is_handle, suffixes))
    too_many = max(0, len(handles) - MOST_FORMS + 1)
    for handle in handles[: min(too_many, MOST_EXPIRED)]:
        yield _cookie(handle).expire()


def _login(visit: Visit) -> Login:
    login = visit.session
    if login is None:
        raise FormLost("the visitor is not signed in")
    return login


def _own(visit: Visit) -> Own:
    return visit.trust.own
