"""The sites of the demonstration: a WSGI application, configured by ini lines.

It knows nothing of single sign-on. It reads who the visitor is from REMOTE_USER and
from request headers, as applications behind a web server have always done. Its ini
section says where the links to log in and out lead. What its pages say is in a folder:
HTML in which ``{Mijn uitkering|My benefit}`` is Dutch or English, as the browser asks
for. All of it is made up.
"""

import base64
import hashlib
import html
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from webob import Request, Response

HERE = Path(__file__).parent
#: The two languages of a text, in the ini file and in pages.
ALTERNATIVES = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")
#: An amount as Dutch writes it; or two alternatives, which have their own.
AMOUNT = re.compile(rf"€ ([0-9.]+(?:,[0-9]{{2}})?)|{ALTERNATIVES.pattern}")
LANGUAGES = ("nl", "en")
#: The cookie in which eilogin keeps the language that a visitor has chosen.
LANGUAGE_COOKIE = "eilogin-language"
#: Nothing but what comes from the site itself, and images that stand in the page.
POLICY = "default-src 'self'; img-src 'self' data:"
#: Photos that a page shows again.
PHOTOS = ("image/jpeg", "image/png", "image/webp", "image/gif")
#: Characters of a note.
LONGEST_NOTE = 2000

#: The parts around every page, by name.
TEXTS = {
    "portal": "MijnOverheid",
    "log in": "{Inloggen|Log in}",
    "log out": "{Uitloggen|Log out}",
    "note": "{Mijn notitie|My note}",
    "text": "{Notitie|Note}",
    "keep": "{Bewaren|Save}",
    "received": "{Ontvangen|Received}",
    "missing": "{Deze pagina is er niet|This page does not exist}",
    "stranger": "{U bent hier niet ingelogd.|You are not logged in here.}",
    "logged in": "{Ingelogd|Logged in}",
    "level": "{niveau|level}",
    "known": "{Wat deze website over u weet|What this website knows about you}",
    "name": "{Naam|Name}",
    "its level": "{Niveau|Level}",
    "user": "{Kenmerk|Identifier} (REMOTE_USER)",
    "demo": "{Dit is een demonstratie. Alle gegevens zijn verzonnen."
    "|This is a demonstration. All data are made up.}",
}


class Site:
    """A site of a few pages.

    ``title`` and ``colour`` are its looks, and ``folder`` has its logo and its pages.
    ``pages`` are lines of a path and the name of the page there. ``logout_url`` and
    ``login_url`` are where those links lead, if anywhere; ``portal_url`` leads back to
    where visitors come from; ``notepad`` adds a page on which a visitor keeps a note,
    in the session of Beaker's that environ offers.
    """

    def __init__(
        self, title: str, colour: str, pages: str, folder: str, **links: str
    ) -> None:
        self.title = title
        self.folder = HERE / "pages" / folder
        self.logo = (HERE / "logos" / f"{folder}.svg").read_text("utf-8")
        style = (HERE / "style.css").read_text("utf-8")
        self.style = style.replace("COLOUR", colour)
        self.pages = dict(line.split(None, 1) for line in pages.splitlines() if line)
        self.links = links
        if links.get("notepad"):
            self.pages["/notitie"] = TEXTS["note"]

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Answer with a page, the stylesheet or the logo."""
        return self.answer(Request(environ))(environ, start_response)

    def answer(self, request: Request) -> Response:
        """The answer to a request."""
        path = request.path_info or "/"
        if path == "/static/style.css":
            return Response(self.style, content_type="text/css", charset="utf-8")
        if path == "/static/logo.svg":
            return Response(self.logo, content_type="image/svg+xml", charset="utf-8")
        if path not in self.pages:
            return self.page(request, TEXTS["missing"], "", status=404)
        if path == "/notitie":
            return self.notepad(request)
        if request.method == "POST":
            return self.page(request, TEXTS["received"], received(request))
        return self.page(request, self.pages[path], self.content(path))

    def content(self, path: str) -> str:
        """Return the text of a page: ``/mijn/gezin`` is in ``mijn-gezin.html``.

        Amounts in it are alternatives: English writes them in another way.
        """
        file = self.folder / f"{path.strip('/').replace('/', '-') or 'index'}.html"
        return AMOUNT.sub(in_both, file.read_text("utf-8")) if file.is_file() else ""

    def notepad(self, request: Request) -> Response:
        """The page with the visitor's note, which a form of it changes."""
        session = request.environ["beaker.session"]
        if request.method == "POST":
            session["note"] = request.POST.get("note", "")[:LONGEST_NOTE]
            session.save()
            return Response(status=303, location=request.path)
        note = html.escape(session.get("note", "")).replace("{", "&#123;")
        return self.page(
            request,
            TEXTS["note"],
            f"""<form method="post" action="/notitie">
<p><label for="note">{TEXTS["text"]}</label>
<textarea id="note" name="note" rows="5">{note}</textarea></p>
<p><button>{TEXTS["keep"]}</button></p></form>""",
        )

    def page(
        self, request: Request, name: str, content: str, *, status: int = 200
    ) -> Response:
        """The page of this name, with all that stands around its ``content``."""
        language = language_of(request)
        links = [*self.pages.items()]
        if "portal_url" in self.links:
            links.append((self.links["portal_url"], TEXTS["portal"]))
        if not request.remote_user and "login_url" in self.links:
            links.append((self.links["login_url"], TEXTS["log in"]))
        navigation = "\n".join(
            f'<a href="{html.escape(url)}"{here(url, request)}>{text}</a>'
            for url, text in links
        )
        whole = f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<title>{name} &ndash; {self.title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/static/style.css">
<link rel="icon" href="data:image/svg+xml,{quote(self.logo)}"></head>
<body><header><div class="bar">
<p class="site"><img src="/static/logo.svg" alt="" width="40" height="40">
{self.title}</p>
{self.visitor(request)}</div>
<nav>{navigation}</nav></header>
<main><h1>{name}</h1>{content}{facts(request)}</main>
<footer><p>{TEXTS["demo"]}</p></footer></body></html>"""
        answer = Response(in_language(whole, language), status=status, charset="utf-8")
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["Content-Language"] = language
        answer.vary = ("Accept-Language", "Cookie")
        return answer

    def visitor(self, request: Request) -> str:
        """In the header: who is logged in, at which level, and the way out."""
        if not request.remote_user:
            return ""
        name = header(request, "X-Name") or TEXTS["logged in"]
        level = header(request, "X-Level")
        url = html.escape(self.links.get("logout_url", ""))
        leave = f'<a href="{url}">{TEXTS["log out"]}</a>' if url else ""
        return f"""<p class="who"><span><b>{name}</b>
<small>{TEXTS["level"]} {level}</small></span> {leave}</p>"""


def language_of(request: Request) -> str:
    """The language that the visitor has chosen, or else that of the browser.

    English for a browser that asks for others, and Dutch for one that asks for none.
    """
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    default = "en" if request.headers.get("Accept-Language") else "nl"
    return request.accept_language.lookup(LANGUAGES, default=default)


def in_language(text: str, language: str) -> str:
    """A text of which one of each two alternatives is left."""
    return ALTERNATIVES.sub(rf"\{LANGUAGES.index(language) + 1}", text)


def in_both(found: re.Match) -> str:
    """``€ 1.684,50`` as two alternatives: also ``€1,684.50``."""
    if found[1] is None:
        return found[0]
    english = found[1].translate(str.maketrans(".,", ",."))
    return f"{{€ {found[1]}|€{english}}}"


def here(url: str, request: Request) -> str:
    """What marks a link as the one to the page that the visitor is at."""
    return ' aria-current="page"' if url == request.path else ""


def header(request: Request, name: str) -> str:
    """A header of the request as HTML (PEP 3333: UTF-8, seen as latin-1)."""
    value = request.headers.get(name, "")
    return plain(value.encode("latin-1").decode(errors="replace"))


def plain(text: str) -> str:
    """A text of a visitor's as HTML, of which :func:`in_language` changes nothing."""
    return html.escape(text).replace("{", "&#123;")


def facts(request: Request) -> str:
    """The facts that the site gets about its visitor."""
    if not request.remote_user:
        return f'<p class="stranger">{TEXTS["stranger"]}</p>'
    told = {
        "name": header(request, "X-Name"),
        "its level": header(request, "X-Level"),
        "user": plain(request.remote_user),
    }
    return f"""<section class="facts"><h2>{TEXTS["known"]}</h2>
{listed({TEXTS[name]: text for name, text in told.items() if text})}</section>"""


def listed(facts: Mapping[str, str]) -> str:
    """A list of names, each with a text."""
    rows = (f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def received(request: Request) -> str:
    """Show each file that came with a form; a photo as a picture."""
    found = {}
    for name, value in request.POST.items():
        is_file = hasattr(value, "file")
        found[plain(name)] = of_file(value) if is_file else plain(value)
    return listed(found)


def of_file(upload: object) -> str:
    """The name and the size of a file, what tells it from others, and the photo."""
    octets = upload.file.read()
    digest = hashlib.sha256(octets).hexdigest()
    photo = ""
    if upload.type in PHOTOS:
        data = base64.b64encode(octets).decode()
        photo = f'<img class="photo" src="data:{upload.type};base64,{data}" alt="">'
    size = f"{len(octets):,}".replace(",", " ")
    return f"{plain(upload.filename)}, {size} bytes<br>SHA-256 {digest}{photo}"


def make_site(**options: str) -> Site:
    """A site from the options of an ini section."""
    return Site(**options)
