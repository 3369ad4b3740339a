"""Render templates as pages, and make error pages and JSON answers.

A page is in the language that the browser asks for. A template names a sentence by its
key (``translations``). eilogin reads the catalogues from their source when it makes
the pages, so nothing in the tree is compiled. A package can replace a template by
one of the same name in its own ``templates`` folder, and a site by one in a folder of
its own (:mod:`eilogin.web.pages.themes`).
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from webob import Response

from eilogin.errors import (
    Busy,
    EiloginError,
    LoginLoops,
    MethodNotAllowed,
    PeerBusy,
    StoreUnavailable,
    Unavailable,
)
from eilogin.web import environ as env
from eilogin.web.pages.page_frame import frame_of, name_among
from eilogin.web.pages.page_languages import choices, chosen_here, language_of
from eilogin.web.pages.themes import Look, languages_of, look_of, packaged
from eilogin.web.requests import fills_window, is_navigation, origin_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
from eilogin.web.pages.refusal_notes import code_of, note_in_log, note_refusal
from eilogin.web.pages.security_headers import (
    COMMON_HEADERS,
    FRAME_OPTIONS,
    content_security_policy,
    source_expression,
    with_hsts,
)

_log = logging.getLogger("eilogin")
#: Pages that frames of their own site may show, if the browser reports such a frame. A
#: click there has no effect yet.
_IN_OWN_FRAMES = ("login_needed.html", "logged_out_in_frame.html")
#: Pages of a login that keep the fragment (#) of the address.
_KEEPING_FRAGMENT = (
    "agree_to_login.html",
    "cancelled.html",
    "choose_hub.html",
    "known_already.html",
    "login_needed.html",
    "sign_in.html",
)
#: Scripts that fetch pages of their own site.
_FETCHING = ("receipt.js",)
#: Most characters of an error message in the log.
_LONGEST_CAUSE = 1000
#: Seconds until the client should retry: longer than an open circuit breaker
#: (``circuit_breaker``), and short enough not to seem permanent.
_RETRY_AFTER = "10"
#: Seconds until a page reloads itself.
_COMES_BACK_AFTER = "3"
#: Errors that have a page of their own, by their code.
_PAGE_OF = {
    "subject-missing": "subject_missing.html",
    "proof-too-old": "proof_too_old.html",
    "login-loops": "login_loops.html",
    "cookies-refused": "no_cookies.html",
    "attribute-missing": "attribute_missing.html",
    "identity-missing": "attribute_missing.html",
    "form-lost": "form_not_sent.html",
    "form-of-another": "form_not_sent.html",
    "form-sent": "form_not_sent.html",
    "form-refused": "form_not_sent.html",
}
Headers = Iterable[tuple[str, str]]


class Pages:
    """The templates of ``packages`` before those of ``eilogin.web``, in all languages.

    A package is given by its dotted name, such as ``eilogin.hub``.
    """

    def __init__(self, *packages: str) -> None:
        self._packages = packages
        self._ours = look_of(packages, None)

    def page(  # noqa: PLR0913 - the parts of one answer
        self,
        environ: "WSGIEnvironment",
        template: str,
        *,
        status: int = 200,
        headers: Headers = (),
        form_action: Sequence[str] | None = (),
        frames: Sequence[str] = (),
        framed_by: str = "",
        script: str = "",
        **values: Any,
    ) -> Response:
        """Render ``template`` with ``values`` as a page.

        ``headers`` are added to its own. ``form_action`` are URLs: a form on the page
        may lead to their origins, directly or by a redirect, and always to its own
        site. None if the application's response determines the target. ``frames`` are
        URLs to whose origins a frame on the page may lead. ``framed_by`` is a URL whose
        site may show the page in a frame, besides our own site. ``script`` is the name
        of a file beside our templates; its text is ``script`` in the template.
        """
        is_framed = template in _IN_OWN_FRAMES and not fills_window(environ)
        ancestor = "'self'" if is_framed or framed_by else ""
        if framed_by:
            ancestor += f" {origin_of(framed_by)}"
        response = self._html(
            environ,
            template,
            values,
            form_action=form_action,
            ancestor=ancestor,
            frames=frames,
            script=script,
        )
        response.status_code = status
        response.headerlist.extend(headers)
        return response

    def texts(
        self, template: str, folder: Path | None, names: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Render ``template`` in each language, for a text that is no page.

        ``folder`` is that of the site (``templates``), or None. ``names`` are the names
        of the site by language.
        """
        look = look_of(self._packages, folder)
        return {
            language: look.render(
                language, template, {"site_name": name_among(names, language)}
            )
            for language in languages_of(folder)
        }

    def auto_post(  # noqa: PLR0913 - the parts of one answer
        self,
        environ: "WSGIEnvironment",
        action: str,
        fields: Mapping[str, str],
        *,
        headers: Headers = (),
        leads_on: bool = False,
        framed_by: str = "",
    ) -> Response:
        """A page whose form sends ``fields`` to ``action`` by itself (POST binding).

        SAML bindings 3.5.4. Without JavaScript, the citizen presses its button. The
        receiver at ``action`` may redirect the form within its site and ours; with
        ``leads_on``, to any site. ``framed_by`` are the URLs, separated by blanks,
        whose sites may show the page in a frame: a click there has no other effect.
        """
        # Raises ValueError for an invalid URL.
        own = origin_of(action)
        response = self._html(
            environ,
            "auto_post.html",
            {"action": action, "fields": fields},
            form_action=None if leads_on else [own],
            ancestor=" ".join(map(origin_of, framed_by.split())),
            script="auto_post.js",
        )
        response.headerlist.extend(headers)
        return response

    def refuse(
        self,
        environ: "WSGIEnvironment",
        error: Exception,
        *,
        event: str,
        again: str | None = None,
        template: str | None = None,
        **values: Any,
    ) -> Response:
        """Return the page of an error; the cause goes to the logs, never to the page.

        ``event`` is the code of the audit event, such as ``login``. ``again`` is a path
        of this site where the visitor can start again. ``template`` replaces the
        template of the error's code, and ``values`` are its other values. A background
        call gets JSON with the error's code as its ``reason``. Page, log and audit
        event share a new reference. If the store is down and the visitor was not
        logging in, there is no audit event.
        """
        if isinstance(error, StoreUnavailable) and _is_nobodys_login(environ, event):
            # Otherwise every request would cause one, although the visitor has done
            # nothing.
            reference = note_in_log(error, "store")
        else:
            reference = note_refusal(error, event, environ)
        code = code_of(error)
        status = error.status if isinstance(error, EiloginError) else 500
        comes_back = _comes_back(environ, error)
        headers = _headers_of(error, comes_back=comes_back)
        if not is_navigation(environ):
            answer = {"reason": code, "reference": reference}
            return json_answer(environ, answer, status=status, headers=headers)
        return self.page(
            environ,
            template or _PAGE_OF.get(code, "error.html"),
            status=status,
            headers=headers,
            code=code,
            cause=error.cause if isinstance(error, LoginLoops) else "",
            is_logout=event.startswith("logout"),
            comes_back=comes_back,
            reference=reference,
            telephone=_telephone(environ),
            again=again,
            **values,
        )

    def _html(  # noqa: PLR0913 - the parts of one answer
        self,
        environ: "WSGIEnvironment",
        template: str,
        values: Mapping[str, Any],
        *,
        form_action: Sequence[str] | None,
        ancestor: str,
        frames: Sequence[str] = (),
        script: str = "",
    ) -> Response:
        wanted = {"script": script}
        if template in _KEEPING_FRAGMENT:
            wanted["keep_fragment"] = "keep_fragment.js"
        scripts = {
            name: packaged(f"templates/{file}") for name, file in wanted.items() if file
        }
        # eilogin's own files, whose hashes are in the policy.
        marked = {
            name: Markup(code)  # noqa: S704 - ours
            for name, code in scripts.items()
        }
        values = {**values, **marked}
        language = language_of(environ)
        text, stylesheet, language = self._rendered(environ, language, template, values)
        policy = content_security_policy(
            source_expression(stylesheet),
            form_action,
            [source_expression(code) for code in scripts.values()],
            ancestor=ancestor,
            frames=frames,
            fetches=script in _FETCHING,
        )
        page = Response(
            body=text.encode(),
            headerlist=[
                ("Content-Type", "text/html; charset=UTF-8"),
                ("Content-Language", language),
                ("Content-Security-Policy", policy),
                *FRAME_OPTIONS.get(ancestor, ()),
                *COMMON_HEADERS,
                *chosen_here(environ),
            ],
        )
        return with_hsts(environ, page)

    def _rendered(
        self,
        environ: "WSGIEnvironment",
        language: str,
        template: str,
        values: Mapping[str, Any],
    ) -> tuple[str, str, str]:
        """Return the text of a page, its stylesheet, and its language.

        If the template of the site fails, eilogin shows its own: the visitor came for
        something else than the design.
        """
        trust = environ.get(env.TRUST)
        folder = None if trust is None else trust.own.templates
        accent = None if trust is None else trust.own.accent
        around = {
            "languages": choices(environ, language, values),
            **frame_of(environ, language),
        }
        values = {**around, **values}

        def dressed(look: Look) -> tuple[str, str, str]:
            style = look.wearing(accent)
            # The hash of the stylesheet is in the policy.
            marked = Markup(style)  # noqa: S704 - ours or the sysadmin's
            dressing = {**values, "stylesheet": marked}
            spoken = look.spoken(language)
            return look.render(spoken, template, dressing), style, spoken

        if folder is not None:
            try:
                return dressed(look_of(self._packages, folder))
            except Exception as error:  # noqa: BLE001 - whatever it does
                _log.error(
                    "%s: cannot show the page %s of this folder; eilogin shows "
                    "its own: %s",
                    folder,
                    template,
                    str(error)[:_LONGEST_CAUSE],
                )
        return dressed(self._ours)


def json_answer(
    environ: "WSGIEnvironment",
    data: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Headers = (),
) -> Response:
    """``data`` as JSON for a script, with no-store and nosniff.

    ``headers`` are added to its own.
    """
    answer = Response(
        body=json.dumps(data).encode(),
        status=status,
        headerlist=[("Content-Type", "application/json"), *COMMON_HEADERS, *headers],
    )
    return with_hsts(environ, answer)


#: eilogin's own addresses at which a visitor logs in, here or at the hub.
_LOGIN_ADDRESSES = ("login", "acs", "sso", "artifact")


def _is_nobodys_login(environ: "WSGIEnvironment", event: str) -> bool:
    """Whether a "login" event is only the request of a page, or of a script."""
    return event == "login" and environ.get(env.ADDRESS) not in _LOGIN_ADDRESSES


def _comes_back(environ: "WSGIEnvironment", error: Exception) -> bool:
    """Whether the page of an error reloads itself, because the cause ends in a moment.

    A logout that waits for its turn does so at an address of its own. A reload cannot
    send a form again.
    """
    is_get = environ["REQUEST_METHOD"] == "GET"
    return isinstance(error, PeerBusy) or (isinstance(error, Busy) and is_get)


def _headers_of(error: Exception, *, comes_back: bool = False) -> Headers:
    """The headers of a response to an error, besides those of its page.

    RFC 9110 15.5.6 (``Allow``) and 15.6.4 (``Retry-After``). ``comes_back`` tells that
    its page reloads itself.
    """
    if isinstance(error, MethodNotAllowed):
        return [("Allow", ", ".join(error.allowed))]
    if comes_back:
        return [("Retry-After", _RETRY_AFTER), ("Refresh", _COMES_BACK_AFTER)]
    if isinstance(error, Unavailable) and error.status == 503:  # noqa: PLR2004
        return [("Retry-After", _RETRY_AFTER)]
    return []


def _telephone(environ: "WSGIEnvironment") -> str:
    """The telephone number of our help desk, or ""."""
    trust = environ.get(env.TRUST)
    return trust.own.telephone if trust is not None else ""
