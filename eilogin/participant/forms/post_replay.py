"""Keep a form whose session has expired, and send it again after one click.

A redirect to the hub would lose a POST. eilogin keeps the form (``kept_forms``) if a
page of this site sent it and the visitor is known. After the login, a button at
``/eilogin/again`` sends the form's handle to its address, where eilogin checks login
and level and restores the body. So address bar, relative links and application see the
same as before. Nothing is sent without the click.

If the application's token against forgery ended with the application's session, the
application rejects the form.
"""

import logging
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO
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
    KeptForm,
    KeptForms,
)
from eilogin.participant.login.authn_requests import login_address
from eilogin.participant.login.idle_end_reason import idle_limit
from eilogin.participant.login.login_required import login_reason
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie, names
from eilogin.web.browser.per_tab_cookies import MOST_EXPIRED
from eilogin.web.browser.random_handles import HANDLE, HANDLE_LENGTH, is_handle
from eilogin.web.limits.client_network import Whereabouts, network_here, wider
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Headers, Pages
from eilogin.web.requests import (
    announced_size,
    body_in_pieces,
    is_navigation,
    origin_of,
    read_body,
    read_query,
    require_own_form,
)
from eilogin.web.site_urls import root, whole_target

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: Cookies with the secrets of forms.
_COOKIES = "eilogin-kept-"
#: Names the visitor of the last session after its record is gone.
_WHOSE = Cookie("eilogin-whose")

#: The only field of such a request.
_FIELD = "eilogin-again"
_URLENCODED = "application/x-www-form-urlencoded"
#: The types of a form (HTML standard, "form submission attributes").
_KINDS = (_URLENCODED, "multipart/form-data", "text/plain")
_AGAIN_LENGTH = str(len(_FIELD) + 1 + HANDLE_LENGTH)
_AGAIN = re.compile(f"{_FIELD}=({HANDLE})".encode())


def handle_in(environ: "WSGIEnvironment") -> str | None:
    """Return the handle of a form to send again, or None; the body stays readable."""
    if (
        environ.get("CONTENT_LENGTH") != _AGAIN_LENGTH
        or _kind_of(environ) != _URLENCODED
    ):
        return None
    body = read_body(environ, HANDLE_LENGTH * 2)
    environ["wsgi.input"] = BytesIO(body)
    match = _AGAIN.fullmatch(body)
    return match[1].decode() if match else None


class PostReplay:
    """Keeps forms of at most ``limit`` bytes, and sends them again; 0 keeps none.

    If sessions are bound to a client network, another one counts as anonymous, or its
    forms could displace the visitor's.
    """

    def __init__(self, pages: Pages, limit: int, whereabouts: Whereabouts) -> None:
        self._pages = pages
        self._limit = limit
        self._whereabouts = whereabouts

    def owner_cookie(
        self, environ: "WSGIEnvironment", login: Login, token: str
    ) -> Headers:
        """Return the header that later names the visitor of a session."""
        if not self._limit:
            return []
        longest = env.sessions(environ).max_session
        age = min(login.ends - clock.now(), longest) + LIFETIME
        network = self._whereabouts.required(environ)
        until = clock.now() + age
        note = self._forms(environ).note_for(login.who, token, until, network)
        return [_WHOSE.set(note, max_age=int(age))]

    def _forms(self, environ: "WSGIEnvironment") -> KeptForms:
        return KeptForms(env.values(environ), _own(environ), self._limit)

    def keep(
        self,
        environ: "WSGIEnvironment",
        level: str,
        handle: str | None,
        otherwise: Response,
    ) -> Response:
        """Return the answer to a form that was sent to a page that needs ``level``.

        ``otherwise`` answers a script, and a form that is not kept; its body stays
        unread. ``handle``: a kept form that was to be sent again; it stays kept.
        """
        if not is_navigation(environ):
            return otherwise
        try:
            answer = (
                self._keep(environ, level)
                if handle is None
                else self._keep_on(environ, level, handle)
            )
        except MessageTooLarge as error:
            return self._too_large(environ, level, error)
        except (FormLost, FormSent) as error:
            return self._refused(environ, error)
        except StoreUnavailable as error:
            _log.warning("POST replay: the form was not kept: %s", error)
            return otherwise
        return answer or otherwise

    def _keep_on(self, environ: "WSGIEnvironment", level: str, handle: str) -> Response:
        self._forms(environ).check(handle)
        return self._ask(environ, level, handle)

    def _keep(self, environ: "WSGIEnvironment", level: str) -> Response | None:
        if not (self._limit and _is_of_this_site(environ) and _is_usual(environ)):
            return None
        tag = self._tag_of_owner(environ)
        if tag is None:
            return None
        pieces = body_in_pieces(environ, self._limit, PIECE)
        form = KeptForm(
            target=whole_target(environ, _own(environ).public_url),
            content_type=environ["CONTENT_TYPE"],
            referer=environ.get("HTTP_REFERER", ""),
            sent=clock.now(),
            body=next(pieces, b""),
        )
        kept = self._forms(environ).keep(
            form,
            tag,
            pieces,
            reserved=announced_size(environ, self._limit),
            network=wider(network_here(environ)),
        )
        if kept is None:
            return None
        handle, secret = kept
        audit.event("form.kept", level=level)
        cookie = _cookie(handle).set(secret, max_age=int(LIFETIME))
        return self._ask(environ, level, handle, [cookie, *_oldest(environ)])

    def _tag_of_owner(self, environ: "WSGIEnvironment") -> str | None:
        """Return the tag of the visitor whose session this browser has or had last.

        From the session record, idle or not; else from the note of the login, valid
        only with the session cookie.
        """
        login = env.session(environ) or env.session_beyond_idle(environ)
        if login is not None:
            here = self._whereabouts.of_this_network(environ, login)
            return None if here is None else self._forms(environ).tag_of(here.who)
        token, note = env.cookie(environ).read(environ), _WHOSE.read(environ)
        if token is None or note is None:
            return None
        network = self._whereabouts.required(environ)
        return self._forms(environ).tag_in(note, token, network)

    def _ask(
        self,
        environ: "WSGIEnvironment",
        level: str,
        handle: str,
        headers: Headers = (),
    ) -> Response:
        again = urlsplit(_own(environ).url("again")).path
        target = f"{again}?{urlencode({'form': handle})}"
        return self._pages.page(
            environ,
            "login_needed.html",
            status=403,
            headers=headers,
            login_url=login_address(environ, target, level),
            name=name_of(_own(environ), language_of(environ)),
            idle_hours=idle_limit(environ) / 3600 or None,
            kept_until=clock.now() + LIFETIME,
            **login_reason(environ, level),
        )

    def _too_large(
        self, environ: "WSGIEnvironment", level: str, error: MessageTooLarge
    ) -> Response:
        audit.event("form.kept", "refused", level=level, reason=error.code)
        return self._pages.page(
            environ,
            "form_too_large.html",
            status=error.status,
            limit=shown_size(self._limit),
            name=name_of(_own(environ), language_of(environ)),
            login_url=login_address(environ, root(_own(environ).public_url), level),
        )

    def show(self, environ: "WSGIEnvironment") -> Response:
        """``/eilogin/again``: the button that sends the form again."""
        handle = read_query(environ).get("form", "")
        try:
            who = _login(environ).who
            form = self._forms(environ).look(*_handle_and_secret(environ, handle), who)
        except Refused as error:
            return self._refusal(environ, error, handle)
        return self._pages.page(
            environ,
            "send_again.html",
            # The application may redirect anywhere.
            form_action=None,
            action=form.target,
            field=_FIELD,
            handle=handle,
            name=name_of(_own(environ), language_of(environ)),
            sent=form.sent,
            path=unquote(form.target.partition("?")[0]),
            back_url=root(_own(environ).public_url),
        )

    def send(self, environ: "WSGIEnvironment", handle: str) -> Response | None:
        """Replace a request by the form of its handle; return None, or an answer."""
        own, login = _own(environ), _login(environ)
        require_own_form(environ, own.public_url)
        target = whole_target(environ, own.public_url)
        try:
            form, body = self._forms(environ).take(
                *_handle_and_secret(environ, handle), login.who, target
            )
        except Refused as error:
            return self._refusal(environ, error, handle)
        audit.event(
            "form.sent", pseudonym=own.pseudonym(login.who.name_id), level=login.level
        )
        _put_in(environ, form, body)
        return None

    def _refusal(
        self, environ: "WSGIEnvironment", error: Refused, handle: str
    ) -> Response:
        response = self._refused(environ, error)
        if isinstance(error, FormOfAnother):
            response.headerlist.append(_cookie(handle).expire())
        return response

    def _refused(self, environ: "WSGIEnvironment", error: Refused) -> Response:
        first_page = root(_own(environ).public_url)
        return self._pages.refuse(environ, error, event="form", again=first_page)


def _put_in(environ: "WSGIEnvironment", form: KeptForm, body: BinaryIO) -> None:
    changes: dict[str, Any] = {
        "wsgi.input": body,
        "CONTENT_LENGTH": str(form.size),
        "CONTENT_TYPE": form.content_type,
        # Some applications redirect to the page of the form.
        "HTTP_REFERER": form.referer,
    }
    environ.update(changes)
    if not form.referer:
        del environ["HTTP_REFERER"]


def _is_of_this_site(environ: "WSGIEnvironment") -> bool:
    """Return whether this origin sent the form (Fetch Metadata 2.3, RFC 6454 7)."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return bool(site == "same-origin")
    origin = environ.get("HTTP_ORIGIN", "").lower()
    return bool(origin == origin_of(_own(environ).public_url))


def _is_usual(environ: "WSGIEnvironment") -> bool:
    return _kind_of(environ) in _KINDS and "HTTP_CONTENT_ENCODING" not in environ


def _kind_of(environ: "WSGIEnvironment") -> str:
    kind: str = environ.get("CONTENT_TYPE", "")
    return kind.partition(";")[0].strip().lower()


def _handle_and_secret(environ: "WSGIEnvironment", handle: str) -> tuple[str, str]:
    if not is_handle(handle):
        raise FormLost("the handle of a kept form is malformed")
    return handle, _cookie(handle).read(environ) or ""


def _cookie(handle: str) -> Cookie:
    return Cookie(_COOKIES + handle)


def _oldest(environ: "WSGIEnvironment") -> Headers:
    """Expire the oldest cookies, but no form: anybody can name another's cookie."""
    held = [name.removeprefix(_COOKIES) for name in names(environ, _COOKIES)]
    handles = sorted(filter(is_handle, held))
    too_many = max(0, len(handles) - MOST_FORMS + 1)
    for handle in handles[: min(too_many, MOST_EXPIRED)]:
        yield _cookie(handle).expire()


def _login(environ: "WSGIEnvironment") -> Login:
    login = env.session(environ)
    if login is None:
        raise FormLost("the visitor is not signed in")
    return login


def _own(environ: "WSGIEnvironment") -> Own:
    return env.trust(environ).own
