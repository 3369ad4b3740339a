"""Render templates as pages, and make error pages and JSON answers.

A template names a sentence by its key (``translations``). A package can replace a
template in its own ``templates`` folder, and a site in its own (``themes``).
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
from eilogin.web.pages.page_frame import frame_of, name_among
from eilogin.web.pages.page_languages import choices, chosen_here, language_of
from eilogin.web.pages.refusal_records import code_of, note_in_log, note_refusal
from eilogin.web.pages.security_headers import (
    COMMON_HEADERS,
    FRAME_OPTIONS,
    content_security_policy,
    source_expression,
    with_hsts,
)
from eilogin.web.pages.themes import Look, languages_of, look_of, packaged
from eilogin.web.requests import origin_of
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")
#: Pages that frames of their own site may show; a click there has no effect yet.
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
_FETCHING = ("receipt.js",)
#: Characters.
_LONGEST_CAUSE = 1000
#: Seconds until a retry: longer than a circuit breaker is open.
_RETRY_AFTER = "10"
#: Seconds until a reload.
_COMES_BACK_AFTER = "3"
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


class _RenderedPage(NamedTuple):
    """A page as HTML."""

    text: str
    stylesheet: str
    #: The visitor's, if the templates have it.
    language: str


class Pages:
    """Templates of ``packages``, dotted names, before those of ``eilogin.web``."""

    def __init__(self, *packages: str) -> None:
        self._packages = packages
        self._ours = look_of(packages, None)

    def page(  # noqa: PLR0913 - the parts of one answer
        self,
        visit: Visit,
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

        Forms may lead to the origins of ``form_action``, also by a redirect, and to
        this site; anywhere if None. Frames may lead to the origins of ``frames``. The
        site of ``framed_by`` may frame the page. ``script`` names a file beside our
        templates, whose text the template gets.
        """
        is_framed = template in _IN_OWN_FRAMES and not visit.fills_window
        ancestor = "'self'" if is_framed or framed_by else ""
        if framed_by:
            ancestor += f" {origin_of(framed_by)}"
        response = self._html(
            visit,
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
        """Render a text in each language; ``names`` are the site's by language."""
        look = look_of(self._packages, folder)
        return {
            language: look.render(
                language, template, {"site_name": name_among(names, language)}
            )
            for language in languages_of(folder)
        }

    def auto_post(  # noqa: PLR0913 - the parts of one answer
        self,
        visit: Visit,
        action: str,
        fields: Mapping[str, str],
        *,
        headers: Headers = (),
        leads_on: bool = False,
        framed_by: str = "",
    ) -> Response:
        """A page whose form sends ``fields`` to ``action`` by itself (bindings 3.5.4).

        Without JavaScript, the citizen presses its button. The receiver may redirect
        the form within its site and ours; with ``leads_on``, to any site. URLs in
        ``framed_by``, separated by blanks, may frame the page: a click only sends it.
        """
        # Raises ValueError for an invalid URL.
        own = origin_of(action)
        response = self._html(
            visit,
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
        visit: Visit,
        error: Exception,
        *,
        event: str,
        again: str | None = None,
        template: str | None = None,
        **values: Any,
    ) -> Response:
        """Return the page of an error; the cause goes to the logs, never to the page.

        ``event`` is an audit code, such as ``login``. ``again`` is a path of this site
        to start again. ``template`` replaces that of the error's code. A background
        call gets JSON with the code as ``reason``. Page, log and audit event share a
        new reference.
        """
        if isinstance(error, StoreUnavailable) and _is_nobodys_login(visit, event):
            # An audit event for every request would be too many.
            reference = note_in_log(error, "store")
        else:
            reference = note_refusal(error, event, visit)
        code = code_of(error)
        status = error.status if isinstance(error, EiloginError) else 500
        comes_back = _comes_back(visit, error)
        headers = _headers_of(error, comes_back=comes_back)
        if not visit.is_navigation:
            answer = {"reason": code, "reference": reference}
            return json_answer(visit, answer, status=status, headers=headers)
        return self.page(
            visit,
            template or _PAGE_OF.get(code, "error.html"),
            status=status,
            headers=headers,
            code=code,
            cause=error.cause if isinstance(error, LoginLoops) else "",
            is_logout=event.startswith("logout"),
            comes_back=comes_back,
            reference=reference,
            telephone=_telephone(visit),
            again=again,
            **values,
        )

    def _html(  # noqa: PLR0913 - the parts of one answer
        self,
        visit: Visit,
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
        # The policy has their hashes.
        marked = {
            name: Markup(code)  # noqa: S704 - ours
            for name, code in scripts.items()
        }
        values = {**values, **marked}
        rendered = self._rendered(visit, language_of(visit), template, values)
        policy = content_security_policy(
            source_expression(rendered.stylesheet),
            form_action,
            [source_expression(code) for code in scripts.values()],
            ancestor=ancestor,
            frames=frames,
            fetches=script in _FETCHING,
        )
        page = Response(
            body=rendered.text.encode(),
            headerlist=[
                ("Content-Type", "text/html; charset=UTF-8"),
                ("Content-Language", rendered.language),
                ("Content-Security-Policy", policy),
                *FRAME_OPTIONS.get(ancestor, ()),
                *COMMON_HEADERS,
                *chosen_here(visit),
            ],
        )
        return with_hsts(visit, page)

    def _rendered(
        self,
        visit: Visit,
        language: str,
        template: str,
        values: Mapping[str, Any],
    ) -> _RenderedPage:
        # If the site's template fails, eilogin shows its own.
        trust = visit.trust_or_none
        folder = None if trust is None else trust.own.templates
        accent = None if trust is None else trust.own.accent
        around = {
            "languages": choices(visit, language, values),
            **frame_of(visit, language),
        }
        values = {**around, **values}

        def dressed(look: Look) -> _RenderedPage:
            style = look.wearing(accent)
            # The hash of the stylesheet is in the policy.
            marked = Markup(style)  # noqa: S704 - ours or the sysadmin's
            dressing = {**values, "stylesheet": marked}
            spoken = look.spoken(language)
            text = look.render(spoken, template, dressing)
            return _RenderedPage(text, style, spoken)

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
    visit: Visit,
    data: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Headers = (),
) -> Response:
    """Return ``data`` as JSON for a script, with no-store and nosniff."""
    answer = Response(
        body=json.dumps(data).encode(),
        status=status,
        headerlist=[("Content-Type", "application/json"), *COMMON_HEADERS, *headers],
    )
    return with_hsts(visit, answer)


_LOGIN_ADDRESSES = ("login", "acs", "sso", "artifact")


def _is_nobodys_login(visit: Visit, event: str) -> bool:
    # At other addresses, a "login" is only the request of a page or script.
    return event == "login" and visit.address_or_none not in _LOGIN_ADDRESSES


def _comes_back(visit: Visit, error: Exception) -> bool:
    # A waiting logout has an address of its own, and a form cannot be sent again.
    is_get = visit.method == "GET"
    return isinstance(error, PeerBusy) or (isinstance(error, Busy) and is_get)


def _headers_of(error: Exception, *, comes_back: bool = False) -> Headers:
    # RFC 9110 15.5.6 and 15.6.4
    if isinstance(error, MethodNotAllowed):
        return [("Allow", ", ".join(error.allowed))]
    if comes_back:
        return [("Retry-After", _RETRY_AFTER), ("Refresh", _COMES_BACK_AFTER)]
    if isinstance(error, Unavailable) and error.status == 503:  # noqa: PLR2004
        return [("Retry-After", _RETRY_AFTER)]
    return []


def _telephone(visit: Visit) -> str:
    trust = visit.trust_or_none
    return trust.own.telephone if trust is not None else ""
