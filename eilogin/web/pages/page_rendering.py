"""Pages for a person: templates, languages, headers, and the page of an error.

Dutch or English, as the browser asks for. A template names a sentence by its key
(``translations``). The catalogues are read from their source when the
pages are made, so nothing in the tree is compiled. What a package wants to say
otherwise it puts in a template of the same name in its own ``templates`` folder, and a
site in a folder of its own (:mod:`eilogin.web.pages.themes`).

Every page forbids what it does not use (DigiD 5.2): no script but our own that it
names by its hash, no style but its own, no frame (but one of its own site, for the page
that says there that a login is needed), no cache. ``Referrer-Policy`` is
``same-origin``, not ``no-referrer``: the latter makes a browser send ``Origin: null``
with the forms on the page, and they would be refused.
"""

import base64
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from webob import Response

from eilogin import audit, metrics
from eilogin.errors import (
    Busy,
    EiloginError,
    LoginLoops,
    MethodNotAllowed,
    MountMismatch,
    PeerBusy,
    Refused,
    StoreUnavailable,
    Unavailable,
)
from eilogin.web import environ as env
from eilogin.web.pages.page_frame import frame_of, name_among
from eilogin.web.pages.page_languages import choices, chosen_here, language_of
from eilogin.web.pages.themes import Look, languages_of, look_of, packaged
from eilogin.web.reporting.reference_numbers import new_reference
from eilogin.web.reporting.refusal_log import Kind, Line, RefusalLines
from eilogin.web.requests import fills_window, is_navigation, origin_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: A year, as DigiD 5.2 demands.
_HSTS = "max-age=31536000"
#: Pages that may stand in frames of their own site, where the browser says that this is
#: one. A click there does nothing yet.
_IN_OWN_FRAMES = ("login_needed.html", "logged_out_in_frame.html")
_NOBODY = "'none'"
#: Pages on the way through a login: what is behind # in the address stays there.
_KEEPING_FRAGMENT = (
    "agree_to_login.html",
    "cancelled.html",
    "choose_hub.html",
    "known_already.html",
    "login_needed.html",
    "sign_in.html",
)
#: Scripts that look at pages of their own site.
_FETCHING = ("receipt.js",)
#: The same as frame-ancestors for an older browser, which knows no other sites.
_FRAMING = {
    "": [("X-Frame-Options", "DENY")],
    "'self'": [("X-Frame-Options", "SAMEORIGIN")],
}
#: Longest message of an error that goes to the log.
_LONGEST_CAUSE = 1000
#: The end of a log line that stands for further refusals.
_SHARED = "further refusals of this kind within this minute get the same reference"
#: After how many seconds to try again what did not answer: longer than a store is left
#: alone (``circuit_breaker``), and not so long that it feels like for good.
_RETRY_AFTER = "10"
#: And after how many a page does so by itself.
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

    A package is named by its dotted name, such as ``eilogin.hub``.
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
        """The page that ``template`` makes of ``values``.

        ``headers`` are added to its own. ``form_action`` are URLs to whose origins a
        form on the page may lead, by itself or by a redirect; its own site always is.
        None where the application's answer says where it leads. ``frames`` are URLs to
        whose origins a frame on the page may lead; ``framed_by`` is that of who may
        show the page in a frame besides our own site. ``script`` is the name of a file
        beside our own templates; its text is ``script`` in the template.
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
        """What ``template`` says in each language: for what is no page of its own.

        ``folder`` is that of the site (``templates``), if it has one. ``names`` are
        those of the site by language.
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

        SAML bindings 3.5.4. Without JavaScript the citizen presses its button. Who is
        at ``action`` may redirect the form within that site and ours, and where the
        form ``leads_on``, to any site. ``framed_by`` are the addresses, with blanks
        between them, of who may show it in a frame: a click there does nothing else.
        """
        # ValueError for what is no address.
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
        """The calm page of an error; its cause goes to the logs, never to the page.

        ``event`` is the code of the audit event, such as ``login``; ``again`` is a
        path of this site where the visitor can start anew. ``template`` is another
        than that of the error's code, and ``values`` are what it needs besides. A
        background call gets JSON with the error's code as its ``reason``. Page, log and
        audit event share a new reference; there is no audit event where the store is
        down and nobody was about to log in.
        """
        if isinstance(error, StoreUnavailable) and _is_nobodys_login(environ, event):
            # It would be one for every request, and nobody has done anything.
            reference = _note_in_log(error, "store")
        else:
            reference = note_refusal(error, event, environ)
        code = _code_of(error)
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
        # Our own files, whose hashes are in the policy.
        marked = {
            name: Markup(code)  # noqa: S704 - ours
            for name, code in scripts.items()
        }
        values = {**values, **marked}
        language = language_of(environ)
        text, stylesheet, language = self._rendered(environ, language, template, values)
        policy = _policy(
            _hash_of(stylesheet),
            form_action,
            [_hash_of(code) for code in scripts.values()],
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
                *_FRAMING.get(ancestor, ()),
                *_COMMON,
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
        """The text of a page, the stylesheet in it, and the language that it has.

        Ours, where that of the site fails: she came for something else than its looks.
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
            # Its hash is in the policy.
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
    """``data`` as JSON for a script, which no cache keeps and no browser guesses at.

    ``headers`` are added to its own.
    """
    answer = Response(
        body=json.dumps(data).encode(),
        status=status,
        headerlist=[("Content-Type", "application/json"), *_COMMON, *headers],
    )
    return with_hsts(environ, answer)


# --- headers --------------------------------------------------------------------


def allow_own_images(page: Response) -> None:
    """Let the Content-Security-Policy of a page allow images of its own site."""
    policy = page.headers["Content-Security-Policy"]
    page.headers["Content-Security-Policy"] = policy.replace(
        "img-src data:", "img-src 'self' data:"
    )


def _policy(  # noqa: PLR0913 - the parts of one policy
    style_hash: str,
    form_action: Sequence[str] | None,
    script_hashes: Sequence[str] = (),
    *,
    ancestor: str = "",
    frames: Sequence[str] = (),
    fetches: bool = False,
) -> str:
    """The Content-Security-Policy of one page."""
    origins = dict.fromkeys(["'self'", *map(origin_of, form_action or ())])
    form = [] if form_action is None else [f"form-action {' '.join(origins)}"]
    script = [f"script-src {' '.join(script_hashes)}"] if script_hashes else []
    fetched = ["connect-src 'self'"] if fetches else []
    framed = dict.fromkeys(["'self'", *map(origin_of, frames)])
    frame = [f"frame-src {' '.join(framed)}"] if frames else []
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {style_hash}",
            # The icon in the tab stands in the page itself.
            "img-src data:",
            *script,
            *fetched,
            *form,
            *frame,
            f"frame-ancestors {ancestor or _NOBODY}",
            "base-uri 'none'",
        ]
    )


@cache
def _hash_of(text: str) -> str:
    """What a policy calls a style or script of ours."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


#: Headers of all that is made here.
_COMMON = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
)


def _is_https(environ: "WSGIEnvironment") -> bool:
    """Whether the browser sees this site over https, also through a TLS proxy."""
    trust = environ.get(env.TRUST)
    if trust is None:
        return bool(environ["wsgi.url_scheme"] == "https")
    return bool(trust.own.public_url.startswith("https:"))


def with_hsts(environ: "WSGIEnvironment", answer: Response) -> Response:
    """An answer that says, over https, that this site is there over https alone.

    A redirect says it too: of a site that is guarded as a whole a stranger's browser
    sees nothing else.
    """
    if _is_https(environ):
        answer.headers["Strict-Transport-Security"] = _HSTS
    return answer


# --- errors ---------------------------------------------------------------------


#: Our own addresses at which somebody logs in, here or at the hub.
_LOGIN_ADDRESSES = ("login", "acs", "sso", "artifact")


def _is_nobodys_login(environ: "WSGIEnvironment", event: str) -> bool:
    """Whether a page was read, or a script asked, and that would be called a login."""
    return event == "login" and environ.get(env.ADDRESS) not in _LOGIN_ADDRESSES


def note_refusal(
    error: Exception, event: str, environ: "WSGIEnvironment | None" = None
) -> str:
    """Write what was refused, and why, to log and audit log; gives the reference.

    Where it was a message of a party that ``environ`` knows, the log says whom to ask.
    What is there already is not written again. Of many refusals of one kind the later
    ones share a reference and its lines (:mod:`eilogin.web.reporting.refusal_log`).
    """
    if isinstance(error, EiloginError) and error.reference:
        return error.reference
    line = _line_of(error, event, environ or {})
    reference = line.reference
    code = _code_of(error)
    if not line.is_written:
        _count(event, error)
        return reference
    _tell_log(error, line, event, _about_peer(error, environ or {}))
    who = _who(environ or {}) if event == "access" else {}
    audit.event(
        event,
        _outcome_of(error),
        reference=reference,
        reason=code,
        **{"peer": _peer_of(error), **who},
    )
    return reference


#: The refusals of this process.
_LINES = RefusalLines()


def _line_of(error: Exception, event: str, environ: "WSGIEnvironment") -> Line:
    """Return how a refusal is written down: by itself, or with others of its kind.

    Most errors of ours, and what somebody with a session is refused, have lines of
    their own. Where the mount is wrong, each request of anybody is such an error.
    """
    is_of_anybody = isinstance(error, Refused | Unavailable | MountMismatch)
    if not is_of_anybody or environ.get(env.SESSION):
        return Line(new_reference())
    kind = Kind(event, _code_of(error), _peer_of(error) or "")
    line, totals = _LINES.line_of(kind)
    for total in totals:
        _log.warning(
            "%s %s (%s): %d refusals within a minute have this reference",
            total.reference,
            total.kind.event,
            total.kind.code,
            total.times,
        )
    return line


def _count(event: str, error: Exception) -> None:
    """Count a refusal that has no line of its own in the audit log."""
    metrics.event(
        event,
        _outcome_of(error),
        peer=_peer_of(error),
        level=None,
        reason=_code_of(error),
    )


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, EiloginError) else EiloginError.code


def _outcome_of(error: Exception) -> str:
    return "refused" if isinstance(error, Refused) else "failed"


def _peer_of(error: Exception) -> str | None:
    return (error.peer if isinstance(error, EiloginError) else "") or None


def _who(environ: "WSGIEnvironment") -> dict[str, str | None]:
    """Of the audit event: who is logged in, in which session, by whose word."""
    login = env.session_or_none(environ)
    if login is None:
        return {}
    own = env.trust(environ).own
    return {
        "pseudonym": own.pseudonym(login.who.name_id),
        "session": own.pseudonym(env.cookie(environ).read(environ) or ""),
        "peer": login.who.issuer,
        "level": login.level,
    }


def _note_in_log(
    error: Exception, event: str, environ: "WSGIEnvironment | None" = None
) -> str:
    line = _line_of(error, event, environ or {})
    if line.is_written:
        _tell_log(error, line, event, _about_peer(error, environ or {}))
    return line.reference


def _about_peer(error: Exception, environ: "WSGIEnvironment") -> str:
    """What is known of who sent what is refused, for the log; or ""."""
    trust = environ.get(env.TRUST)
    if trust is None or not (isinstance(error, EiloginError) and error.peer):
        return ""
    return str(trust.about(error))


def _comes_back(environ: "WSGIEnvironment", error: Exception) -> bool:
    """Whether the page of an error reloads itself: it is over in a moment.

    A logout that waits for its turn does so at an address of its own. A form cannot be
    sent again like that.
    """
    is_get = environ["REQUEST_METHOD"] == "GET"
    return isinstance(error, PeerBusy) or (isinstance(error, Busy) and is_get)


def _headers_of(error: Exception, *, comes_back: bool = False) -> Headers:
    """What the answer to an error has to say besides its page.

    RFC 9110 15.5.6 (the methods that are taken) and 15.6.4 (when to try again).
    ``comes_back`` says that its page reloads itself.
    """
    if isinstance(error, MethodNotAllowed):
        return [("Allow", ", ".join(error.allowed))]
    if comes_back:
        return [("Retry-After", _RETRY_AFTER), ("Refresh", _COMES_BACK_AFTER)]
    if isinstance(error, Unavailable) and error.status == 503:  # noqa: PLR2004
        return [("Retry-After", _RETRY_AFTER)]
    return []


def _tell_log(error: Exception, line: Line, event: str, about: str) -> None:
    """The cause under its reference: a warning, or a fault of ours, which is worse.

    ``about`` is what is known of who sent it.
    """
    shared = _SHARED if line.is_shared else ""
    cause = "; ".join(filter(None, (str(error)[:_LONGEST_CAUSE], about, shared)))
    # What was sent may stand in the message: it must not start a line of its own.
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cause)
    is_refused = isinstance(error, Refused)
    _log.log(
        logging.WARNING if is_refused else logging.ERROR,
        "%s %s %s (%s): %s",
        line.reference,
        event,
        _outcome_of(error),
        _code_of(error),
        text,
        exc_info=None if isinstance(error, EiloginError) else error,
    )


def _telephone(environ: "WSGIEnvironment") -> str:
    """The telephone number of our help desk, where it is known."""
    trust = environ.get(env.TRUST)
    return trust.own.telephone if trust is not None else ""
