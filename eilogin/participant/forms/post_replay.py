"""Keep a form whose session has expired, and send it again after one click.

A redirect to the hub would lose a POST to a page that needs a login. eilogin keeps the
form (``kept_forms``) if a page of this site sent it and the visitor of the session is
known. Then the visitor logs in, comes to ``/eilogin/again``, and presses one button.
The button sends only the handle of the form, to the address of the form, where eilogin
restores the body. So the address bar, relative links and the application see the same
as the first time. The login and level of the address are checked again. Nothing is ever
sent without the click.

The application's own token against forged forms stays in the form. If it ends with the
application's own session, the application rejects the form.
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
from eilogin.participant.login.idle_notice import idle_limit
from eilogin.participant.login.login_required import login_reason
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie, names
from eilogin.web.browser.handles import HANDLE, HANDLE_LENGTH, is_handle
from eilogin.web.browser.per_tab_cookies import MOST_EXPIRED
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

#: How the names of the cookies begin that hold the secrets of forms.
_COOKIES = "eilogin-kept-"
#: Names the visitor of the last session after its record is gone.
_WHOSE = Cookie("eilogin-whose")

#: The field by which a form is sent again, alone in its body.
_FIELD = "eilogin-again"
_URLENCODED = "application/x-www-form-urlencoded"
#: The types of a form (HTML standard, "form submission attributes").
_KINDS = (_URLENCODED, "multipart/form-data", "text/plain")
_AGAIN_LENGTH = str(len(_FIELD) + 1 + HANDLE_LENGTH)
_AGAIN = re.compile(f"{_FIELD}=({HANDLE})".encode())


def handle_in(environ: "WSGIEnvironment") -> str | None:
    """Return the handle of the form that a POST asks to send again, or None.

    Only a body of the right length and type is read; it can be read again afterwards.
    """
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

    If sessions are bound to a client network, a form from another network counts as
    that of an anonymous visitor. Otherwise it could displace forms of the visitor.
    """

    def __init__(self, pages: Pages, limit: int, whereabouts: Whereabouts) -> None:
        self._pages = pages
        self._limit = limit
        self._whereabouts = whereabouts

    def owner_cookie(
        self, environ: "WSGIEnvironment", login: Login, token: str
    ) -> Headers:
        """At a login: return the header that later names the visitor of the session."""
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

    # --- a form without a login -----------------------------------------------------

    def keep(
        self,
        environ: "WSGIEnvironment",
        level: str,
        handle: str | None,
        otherwise: Response,
    ) -> Response:
        """Return the answer to a form that was sent to a page that needs ``level``.

        ``otherwise`` is the answer to a script, which can send the form again by
        itself, and the answer if the form is not kept. ``handle`` is that of a kept
        form that should have been sent again; it stays kept. The body of a form that is
        not kept is not read.
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

        The session record tells it, idle or not. If that is gone, the note of the login
        in the browser does; it is valid only with the cookie of the session. None if
        that is gone too, such as after a logout.
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
        """Return the page that says that the form is kept, and leads to the login."""
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

    # --- after the login ------------------------------------------------------------

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
            # The application may answer with a redirect to wherever it wants.
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
        """Replace the request that names a handle by its form.

        None if the request can go on; else the answer.
        """
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
        # Some applications send the visitor back to the page that the form was on.
        "HTTP_REFERER": form.referer,
    }
    environ.update(changes)
    if not form.referer:
        del environ["HTTP_REFERER"]


# --- requests that are kept -----------------------------------------------------------


def _is_of_this_site(environ: "WSGIEnvironment") -> bool:
    """Return whether a page of this origin certainly sent the form.

    Fetch Metadata 2.3; without it the Origin (RFC 6454 7). False without both.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return bool(site == "same-origin")
    origin = environ.get("HTTP_ORIGIN", "").lower()
    return bool(origin == origin_of(_own(environ).public_url))


def _is_usual(environ: "WSGIEnvironment") -> bool:
    """Return whether a browser makes such a request of a form."""
    return _kind_of(environ) in _KINDS and "HTTP_CONTENT_ENCODING" not in environ


def _kind_of(environ: "WSGIEnvironment") -> str:
    kind: str = environ.get("CONTENT_TYPE", "")
    return kind.partition(";")[0].strip().lower()


# --- small parts ----------------------------------------------------------------------


def _handle_and_secret(environ: "WSGIEnvironment", handle: str) -> tuple[str, str]:
    """Return a handle, and this browser's secret for it."""
    if not is_handle(handle):
        raise FormLost("the handle of a kept form is malformed")
    return handle, _cookie(handle).read(environ) or ""


def _cookie(handle: str) -> Cookie:
    """The cookie that holds the secret of a form."""
    return Cookie(_COOKIES + handle)


def _oldest(environ: "WSGIEnvironment") -> Headers:
    """Return headers that make room in the browser for one more form.

    They delete nothing in the store: anybody can name the cookie of a form of somebody
    else.
    """
    held = [name.removeprefix(_COOKIES) for name in names(environ, _COOKIES)]
    handles = sorted(filter(is_handle, held))
    too_many = max(0, len(handles) - MOST_FORMS + 1)
    for handle in handles[: min(too_many, MOST_EXPIRED)]:
        yield _cookie(handle).expire()


def _login(environ: "WSGIEnvironment") -> Login:
    """Return the session, which was checked before."""
    login = env.session(environ)
    if login is None:
        raise FormLost("the visitor is not signed in")
    return login


def _own(environ: "WSGIEnvironment") -> Own:
    return env.trust(environ).own
