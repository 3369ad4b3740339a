"""Every kind of page that a visitor can meet, with values as they are in real life.

Variants of one template that differ for the visitor are kinds of their own: the sign-in
page with a code, with a wrong password, and so on. :class:`Catalogue` shows them in a
browser, with the headers that they have in real life. It needs no server.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import time_machine
from owns import PLAIN
from webob import Request, Response

from eilogin.federation.local.accent_colours import Accent
from eilogin.hub.participants.signed_in_services import SignedInService
from eilogin.hub.signin.rehearsal import CHOICES
from eilogin.participant.expiry.expiry_warning import ExpiryWarning
from eilogin.portal.portal_app import Tile
from eilogin.web import environ as env
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.security_headers import allow_own_images
from eilogin.web.visit import Visit
from tests.web.pages.test_page_rendering import HOSTILE, TEMPLATES, VALUES, WINTER

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

LANGUAGES = ("nl", "en")
#: Where the pages stand. Nobody listens there.
ORIGIN = "http://uwv.localhost"
_LOGO_FILES = Path(__file__).parents[2] / "contrib" / "demo" / "logos"
#: Seconds before the end of a session at which the visitor is warned.
_WARN = 120.0


@dataclass(frozen=True)
class Kind:
    """One kind of page: a template of eilogin, and its values.

    ``session`` is the application's page with a warning instead: how long the session
    lasts still. ``then`` is an expression that the page carries out after that.
    """

    template: str
    values: Mapping[str, Any]
    session: Mapping[str, int] | None = None
    then: str = ""


# --- the kinds --------------------------------------------------------------------


def _friendly(value: Any) -> Any:
    """The values that all tests of templates have; names are markup in those."""
    return _replaced(value, {HOSTILE: "UWV"})


def _replaced(value: Any, texts: Mapping[str, str]) -> Any:
    """A value with other texts in the place of some, wherever they are in it."""
    if isinstance(value, Mapping):
        return {name: _replaced(one, texts) for name, one in value.items()}
    if isinstance(value, tuple | list):
        make = getattr(type(value), "_make", type(value))
        return make([_replaced(one, texts) for one in value])
    if isinstance(value, Tile):
        said = texts.get(value.description, value.description)
        return replace(value, description=said)
    return texts.get(value, value) if isinstance(value, str) else value


#: What services say of themselves on an English page.
_ENGLISH = {
    "Verhuizen en parkeren": "Moving house and parking",
    "Percelen en eigendom": "Parcels and property",
    "AOW en kinderbijslag": "State pension and child benefit",
    "Uitkeringen en werk": "Benefits and work",
    "Een site om te proberen.": "A site to try.",
    "Gemeente, UWV en andere diensten op één plek.": (
        "Your municipality, UWV and other services in one place."
    ),
    "Wonen": "Housing",
    "Werk": "Work",
    **{
        f"Diensten van gemeente {n}": f"Services of municipality {n}"
        for n in range(201)
    },
}


def _of(template: str, **common: Any) -> Callable[..., Kind]:
    """Make kinds of pages of a template, which have some values in common."""
    known = {**_friendly(VALUES[template]), **common}
    return lambda **values: Kind(template, {**known, **values})


_SERVICES = [
    SignedInService(
        "Gemeente Voorbeeldstad", "https://gemeente.example/", WINTER - 1500
    ),
    SignedInService("Kadaster", "https://kadaster.example/", WINTER - 300),
]
_KNOWN_AT = [tuple(service) for service in _SERVICES]
_DONE = [
    ("UWV", "out", WINTER),
    ("Gemeente Voorbeeldstad", "out", WINTER),
    ("Kadaster", "out", WINTER),
]
_CITIZENS = [
    ("anna", "demo-anna", "Anna de Proef"),
    ("bram", "demo-bram", "Bram de Proef"),
]


def _drawn(colour: str, path: str) -> str:
    """An image of a logo: a white shape in a square of that colour."""
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">
<rect width="48" height="48" rx="8" fill="{colour}"/>
<path d="{path}" fill="#fff"/></svg>"""


def _as_data(image: str) -> str:
    return f"data:image/svg+xml;base64,{b64encode(image.encode()).decode()}"


_LOGO_URI = _as_data(_drawn("#154273", "M14 36V20l10-8 10 8v16h-7V26h-6v10z"))
_HUB_LOGO = _as_data(
    _drawn("#275937", "M16 22v-4a8 8 0 0 1 16 0v4h3v15H13V22zm4 0h8v-4a4 4 0 0 0-8 0z")
)
_UWV_LOGO = _as_data(
    _drawn("#0071c7", "M10 14h6v14a8 8 0 0 0 16 0V14h6v14a14 14 0 0 1-28 0z")
)
_DIGID_LOGO = _as_data(
    _drawn("#c2410c", "M12 12h10a12 12 0 0 1 0 24H12zm6 6v12h4a6 6 0 0 0 0-12z")
)


#: The logos of the demonstration, by the first part of a file's name.
_LOGOS = {file.stem: file.read_bytes() for file in sorted(_LOGO_FILES.glob("*.svg"))}


def _tile(name: str, description: str, *, logo: str = "", up: bool = True) -> Tile:
    word = name.lower().replace(" ", "-")
    address = f"/logo?of={logo}" if logo else ""
    return Tile(name, description, f"/go?to={word}", address, name[0], is_reachable=up)


_TILES = [
    _tile("Gemeente Voorbeeldstad", "Verhuizen en parkeren", logo="gemeente"),
    _tile("Kadaster", "Percelen en eigendom"),
    _tile("SVB", "AOW en kinderbijslag", logo="svb", up=False),
    _tile("UWV", "Uitkeringen en werk", logo="uwv"),
]
_MANY = [
    _tile(
        f"Gemeente {n:03}",
        f"Diensten van gemeente {n}",
        # Every second one has a logo, each in its turn.
        logo="" if n % 2 else sorted(_LOGOS)[n // 2 % len(_LOGOS)],
    )
    for n in range(1, 201)
]
_HUBS = [
    {"name": "DigiD", "address": "/eilogin/login?hub=1", "logo": _DIGID_LOGO},
    {"name": "eHerkenning", "address": "/eilogin/login?hub=2", "logo": ""},
]

_sign_in = _of(
    "sign_in.html",
    service_logo=_UWV_LOGO,
    script="show_password.js",
    username="",
    problem=None,
    wants_code=False,
    shown_codes={},
    demo_citizens=(),
    choices=(),
    chosen="",
)
_known_already = _of(
    "known_already.html",
    services=_SERVICES,
    service_logo=_UWV_LOGO,
    known_as="anna",
)
_leave_services = _of("log_out_of_services.html", services=_SERVICES, choices=())
_home = _of("home.html", services=_KNOWN_AT, choices=())
_FRAMES = [ORIGIN]
_logging_out = _of(
    "logging_out.html",
    services=[("Kadaster", ["/t"]), ("SVB", ["/u"])],
    frames=_FRAMES,
)
_receipt = _of(
    "receipt.html",
    services=_DONE,
    is_everywhere=True,
    is_unsure=False,
    tell_url=None,
    continue_url=None,
    look_url=None,
    script="",
)
_logged_out = _of(
    "logged_out.html",
    others="",
    again_url="",
    hub_url="",
    hub_name="Voorbeeldland Login",
)
_cancelled = _of("cancelled.html", back_name="")
_choose_hub = _of("choose_hub.html", last=_HUBS[0], hubs=_HUBS[1:])
_login_needed = _of("login_needed.html")
_error = _of("error.html")
_login_loops = _of("login_loops.html")
_form_not_sent = _of("form_not_sent.html")
_accessibility = _of(
    "accessibility.html", gaps=["De kaart van percelen is niet te bedienen met Tab."]
)
_portal = _of(
    "portal.html",
    title="",
    heading="MijnOverheid",
    description="Gemeente, UWV en andere diensten op één plek.",
    name="Anna de Proef",
    hub_name="Voorbeeldland Login",
    hub_is_away=False,
    last=[],
    tiles=_TILES,
    count=len(_TILES),
    are_many=False,
    categories=[],
    page_number=1,
    pages=1,
    page_before="",
    page_after="",
)
_CATEGORIES = [
    ("Wonen", 40, "/?category=wonen", False),
    ("Werk", 9, "/?category=werk", False),
]
_large_portal = partial(
    _portal,
    are_many=True,
    count=200,
    categories=_CATEGORIES,
)
_NAMES = (
    "MijnOverheid",
    "UWV",
    "Gemeente",
    "Kadaster",
    "Belastingdienst",
    "SVB",
    "DUO",
)
_guide = _of(
    "guide.html",
    sites={
        word: {**site, "name": name, "description": "Een site om te proberen."}
        for name, (word, site) in zip(
            _NAMES, VALUES["guide.html"]["sites"].items(), strict=True
        )
    },
    citizens=[("Anna de Proef", "anna", "demo-anna")],
)

_SHOWN_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


def _warning(idle: int, absolute: int, then: str = "") -> Kind:
    lasts = {"idle_seconds_left": idle, "absolute_seconds_left": absolute}
    return Kind("", {}, {**lasts, "idle_seconds": 900}, then)


KINDS: Mapping[str, Kind] = {
    # Signing in at the hub.
    "sign-in": _sign_in(),
    "sign-in-at-hub": _sign_in(name=""),
    "sign-in-demo": _sign_in(
        demo_citizens=_CITIZENS, shown_codes={"bram": "123456"}, wants_code=True
    ),
    "sign-in-demo-filled": _sign_in(
        demo_citizens=_CITIZENS, username="anna", filled_password="demo-anna"
    ),
    "sign-in-code": _sign_in(wants_code=True),
    "sign-in-wrong": _sign_in(username="anna", problem="wrong"),
    "sign-in-code-wrong": _sign_in(username="anna", problem="wrong", wants_code=True),
    "sign-in-few-left": _sign_in(username="anna", problem="wrong", few_left=True),
    "sign-in-too-often": _sign_in(username="anna", problem="too-often"),
    "sign-in-blocked": _sign_in(username="anna", problem="blocked"),
    "sign-in-after-idle": _sign_in(ended_by_idle=0.25),
    "sign-in-again": _sign_in(why="again"),
    "sign-in-instead": _sign_in(why="instead"),
    "sign-in-apart": _sign_in(why="apart", shared_with="none"),
    "step-up": _sign_in(why="more", wants_code=True, known_as="anna", other_url="/o"),
    "sign-in-rehearsal": _sign_in(
        is_digid=True, is_rehearsal=True, choices=CHOICES, chosen="broken"
    ),
    "already-logged-in": _known_already(choices=()),
    "already-logged-in-rehearsal": _known_already(known_as=""),
    # The pages of the hub itself.
    "home": _home(),
    "home-idle": _home(idle=0.25, services=[], unsure=_KNOWN_AT),
    "home-nowhere": _home(services=[]),
    "signed-out": _of("signed_out.html")(),
    "signed-out-unsure": _of("signed_out.html")(
        receipt_url="/logout", is_everywhere=False
    ),
    # Logging out at the hub.
    "confirm-everywhere": _of("confirm_everywhere.html", services=_SERVICES)(),
    "log-out-of-services": _leave_services(),
    "logging-out": _logging_out(),
    "logging-out-one-by-one": _of("logging_out_one_by_one.html")(service="Kadaster"),
    "logging-out-from-above": _of("logging_out_from_above.html", frames=_FRAMES)(),
    "logged-out-in-frame": _of("logged_out_in_frame.html")(),
    "receipt": _receipt(),
    "receipt-not-everywhere": _of("receipt.html")(
        services=[
            ("Gemeente Voorbeeldstad", "again", 0.0),
            ("Kadaster", "missed", 0.0),
            ("SVB", "partly", 0.0),
            ("UWV", "out", WINTER),
        ],
        continue_url=None,
    ),
    "receipt-on-the-way": _of("receipt.html")(
        services=[("Gemeente Voorbeeldstad", "unconfirmed", 0.0), *_DONE[::2]],
        is_unsure=False,
        tell_url=None,
        website_url=None,
        login_url=None,
    ),
    "receipt-of-another": _receipt(
        services=[("Kadaster", "refused", 0.0)],
        is_everywhere=False,
        of_another=True,
        receipt_url=None,
        continue_url="/c",
    ),
    "going-on": _of("going_on.html")(),
    # Logging in at a participant.
    "auto-post": Kind(
        "auto_post.html",
        {"action": f"{ORIGIN}/eilogin/acs", "fields": {"SAMLResponse": "PHg+"}},
    ),
    "choose-hub": _choose_hub(),
    "choose-hub-first": _choose_hub(last=None, hubs=_HUBS),
    "choose-hub-without-logo": _choose_hub(last=_HUBS[1], hubs=_HUBS[:1]),
    "agree-to-login": _of("agree_to_login.html")(hub="DigiD"),
    "login-needed": _login_needed(),
    "login-needed-not-kept": _login_needed(idle_hours=None, kept_until=None),
    "login-needed-step-up": _login_needed(
        idle_hours=None,
        kept_until=None,
        was_sent=False,
        is_whole=True,
        is_known=True,
        wanted="midden",
        back_url="/b",
    ),
    "logged-in-already": _of("logged_in.html")(),
    "cancelled": _cancelled(back_to="website"),
    "cancelled-step-up": _cancelled(logged_in=True),
    "cancelled-digid": _cancelled(words="U heeft het inloggen geannuleerd."),
    "send-again": _of("send_again.html", path="/verhuizen")(),
    # Logging out at a participant.
    "confirm-logout": _of("confirm_logout.html")(),
    "logged-out": _logged_out(everywhere=True),
    "logged-out-before": _logged_out(others="before"),
    "logged-out-partly": _logged_out(others="partly", hub_url="https://h.example/"),
    "logged-out-unconfirmed": _of("logged_out.html")(hub_name="Voorbeeldland Login"),
    "logged-out-not-told": _logged_out(others="not-told", again_url="/a"),
    "not-logged-in": _logged_out(others="no-login"),
    # Errors.
    "error": _error(),
    "error-stale": _error(code="login-lost"),
    "error-level": _error(code="level-too-low"),
    "error-organisation": _error(helps="organisation"),
    "error-not-found": _error(code="not-found"),
    "error-address": _error(code="path-refused"),
    "error-cross-site": _error(code="cross-site", again=None),
    "error-busy": _error(code="busy", comes_back=True),
    "error-store": _error(code="store-unavailable"),
    "error-logout": _error(is_logout=True),
    "error-logout-pending": _error(is_logout=True, is_pending=True),
    "login-loops": _login_loops(),
    "login-loops-twice": _login_loops(cause="twice"),
    "login-loops-ours": _login_loops(cause="refused"),
    "no-cookies": _of("no_cookies.html")(),
    "proof-too-old": _of("proof_too_old.html")(),
    "subject-missing": _of("subject_missing.html")(),
    "subject-changed": _of("subject_changed.html")(),
    "digid-failed": _of("digid_failed.html")(
        words="Inloggen bij deze organisatie is niet gelukt. Probeer het later."
    ),
    "attribute-missing": _of("attribute_missing.html", needed=["mail", "naam"])(),
    "no-access": _of("no_access.html")(needed=[("rol", ("beheerder", "redacteur"))]),
    "form-lost": _form_not_sent(),
    "form-of-another": _form_not_sent(code="form-of-another"),
    "form-sent": _form_not_sent(code="form-sent"),
    "form-refused": _form_not_sent(code="form-refused"),
    "form-too-large": _of("form_too_large.html")(),
    "body-too-large": _of("body_too_large.html")(),
    # About the pages.
    "accessibility": _accessibility(),
    "accessibility-full": _accessibility(compliance="full", letter="A", gaps=[]),
    # Where no site is.
    "guide": _guide(),
    "guide-short": _guide(is_short=True),
    "unknown-host": _of("unknown_host.html")(),
    # The portal.
    "portal": _portal(),
    "portal-stranger": _portal(login=None, name=""),
    "portal-empty": _portal(tiles=[], count=0),
    "portal-hub-away": _portal(hub_is_away=True),
    "portal-of-200": _large_portal(
        last=_MANY[:3], tiles=_MANY[3:], page_after="/?page=2", pages=2
    ),
    "portal-last-page": _large_portal(
        tiles=_MANY[195:], page_number=2, pages=2, page_before="/?page=1"
    ),
    "portal-category": _large_portal(
        tiles=_MANY[9:18],
        count=9,
        category="Werk",
        is_search=True,
        categories=[_CATEGORIES[0], (*_CATEGORIES[1][:3], True)],
    ),
    "portal-search": _large_portal(
        tiles=_MANY[4:7], count=3, search="parkeren", is_search=True
    ),
    "portal-search-nothing": _large_portal(
        tiles=[], count=0, search="zeppelin", is_search=True
    ),
    # In a page of an application.
    "warning": _warning(120, 5400),
    "warning-final": _warning(900, 120),
    "warning-over": _warning(900, 5400, then=_SHOWN_AGAIN),
}
#: Files of ours that are in the place of pages with this name.
PARTS = (
    "base.html",
    "brand.html",
    "demo_citizens.html",
    "footer.html",
    "help_desk.html",
    "languages.html",
    "login_beside.html",
    "marks.html",
    "rehearsal.html",
    "ways.html",
    "where_in.html",
    "warning_texts.json",
)


# --- showing them -----------------------------------------------------------------

_PAGES = Pages("eilogin.hub", "eilogin.portal")


def _site(name: str, accent: str, logo: str) -> SimpleNamespace:
    """The options of a site that has set all of them."""
    said = {
        "names": {"nl": name},
        "public_url": ORIGIN,
        "url": lambda name: f"{ORIGIN}/eilogin/{name}",
        "telephone": "14 0123",
        "logo": logo,
        "accent": Accent.of(accent),
        "footer": (
            ("privacy", "https://www.example.nl/privacy"),
            ("accessibility", "/toegankelijkheid"),
            ("contact", "https://www.example.nl/contact"),
        ),
    }
    return SimpleNamespace(**{**PLAIN, **said})


_SITES = {
    "eilogin.hub": _site("Voorbeeldland Login", "#275937", _HUB_LOGO),
    "eilogin.portal": _site("MijnOverheid", "#01689b", _LOGO_URI),
    "eilogin.web": _site("UWV", "#0071c7", _UWV_LOGO),
}
#: Pages of no site: what a name that nobody has leads to, or the machine's own.
_OF_NOBODY = ("body_too_large.html", "guide.html", "unknown_host.html")


def _site_of(template: str) -> SimpleNamespace | None:
    """Whose page this is."""
    if template in _OF_NOBODY:
        return None
    room = next(room for room, name in TEMPLATES if name == template)
    return SimpleNamespace(own=_SITES[room])


def page_of(kind: Kind, language: str) -> Response:
    """A page of ours, with its headers, as a browser in this language gets it."""
    values = dict(kind.values)
    if language == "en":
        values = _replaced(values, _ENGLISH)
    environ = {**_environ(language), env.TRUST: _site_of(kind.template)}
    # What a page says may depend on the day.
    with time_machine.travel(WINTER, tick=False):
        if kind.template == "auto_post.html":
            return _PAGES.auto_post(Visit(environ), **values)
        page = _PAGES.page(Visit(environ), kind.template, **values)
    if kind.template == "portal.html":
        allow_own_images(page)
    return page


def _environ(language: str) -> dict[str, Any]:
    headers = {"Accept-Language": language, "Accept": "text/html"}
    return Request.blank(ORIGIN, headers=headers).environ


_APPLICATION = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>Mijn UWV</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="/{language}/{name}/warning.js" async></script></head>
<body><main><h1>Mijn UWV</h1></main></body></html>"""


class Catalogue:
    """The kinds of pages, in one tab of a browser, at ``/LANGUAGE/KIND``.

    ``accent`` is the colour that the warning has from its site.
    """

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.accent: Accent | None = _SITES["eilogin.web"].accent
        self._devtools = page.context.new_cdp_session(page)
        self._is_over = False
        page.route(f"{ORIGIN}/**", self._answer)

    def show(self, name: str, language: str, *, scripts: bool = True) -> None:
        """Open a page, and wait until it is as it is to be seen.

        Without ``scripts`` it is as in a browser without JavaScript. After that,
        scripts of a test can run in it.
        """
        address = f"{ORIGIN}/{language}/{name}"
        kind = KINDS[name]
        if kind.session is None:
            # A page that sends itself is seen without JavaScript alone.
            self._run_scripts(are_run=scripts and kind.template != "auto_post.html")
            # Not until all is loaded: frames of a page lead nowhere.
            self.page.goto(address, wait_until="domcontentloaded")
            self._run_scripts(are_run=True)
            if self.page.locator("[autofocus]").count():
                self.page.locator("[autofocus]:focus").wait_for()
            return
        self._is_over = False
        with self.page.expect_response("**/session"):
            self.page.goto(address)
        if kind.then:
            self._is_over = True
            self.page.evaluate(kind.then)
        self.page.get_by_role("alertdialog").wait_for()

    def _run_scripts(self, *, are_run: bool) -> None:
        disabled = {"value": not are_run}
        self._devtools.send("Emulation.setScriptExecutionDisabled", disabled)

    def _answer(self, route: "Route") -> None:
        address = urlsplit(route.request.url)
        _, language, name, *file = [*address.path.split("/"), ""]
        kind = KINDS.get(name)
        if name == "" and language == "logo":
            logo = _LOGOS[address.query.removeprefix("of=")]
            route.fulfill(body=logo, content_type="image/svg+xml")
        elif kind is None:
            # Of what a page leads to; an empty answer leaves the page as it is.
            route.fulfill(status=204)
        elif kind.session is None:
            fulfill(route, page_of(kind, language))
        elif file[0] == "session":
            known = {"logged_in": not self._is_over, "pseudonym": "1", **kind.session}
            route.fulfill(json=known)
        elif file[0] == "warning.js":
            fulfill(route, _warning_script(language, self.accent))
        else:
            page = _APPLICATION.format(language=language, name=name)
            route.fulfill(body=page, content_type="text/html; charset=utf-8")


def _warning_script(language: str, accent: Accent | None) -> Response:
    own = SimpleNamespace(**{**vars(_SITES["eilogin.web"]), "accent": accent})
    trust = SimpleNamespace(own=own)
    environ = {**_environ(language), env.TRUST: trust}
    return ExpiryWarning(_WARN).script(Visit(environ))


def fulfill(route: "Route", response: Response) -> None:
    """Answer a request of the browser."""
    route.fulfill(
        status=response.status_code,
        headers=dict(response.headers),
        body=response.body,
    )
