"""Three small sites for the demonstration: ordinary WSGI apps.

They know nothing of single sign-on. Who the visitor is they read from REMOTE_USER and
from request headers, as apps behind a web server have always done; where their link to
log out leads, their ini file says. The one with a notepad keeps it in a session of
Beaker's, as environ offers it.
"""

import html
from collections.abc import Callable, Iterable
from urllib.parse import parse_qs

STYLE = """
:root { color-scheme: light dark; --colour: COLOUR; --ink: #1b1b1b; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #16181c; } }
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
  font: 1.0625rem/1.5 system-ui, sans-serif; }
header { border-bottom: 4px solid var(--colour); }
header > *, main { display: block; max-width: 52rem; margin: 0 auto; padding: 0 1rem; }
header strong { padding-top: 1rem; font-size: 1.25rem; }
nav { display: flex; flex-wrap: wrap; column-gap: 1.25rem; padding-bottom: .5rem; }
nav a { padding: .6rem 0; }
main { padding-bottom: 2rem; }
h1 { margin: 1.75rem 0 1rem; font-size: 1.75rem; line-height: 1.25; }
a { color: inherit; text-underline-offset: .2em; }
a[aria-current] { font-weight: 600; text-decoration-thickness: 3px;
  text-decoration-color: var(--colour); }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px; }
dt { font-weight: 600; } dd { margin: 0 0 .75rem; }
label { display: block; margin-bottom: .3rem; font-weight: 600; }
textarea { width: 100%; min-height: 6rem; padding: .5rem .75rem; font: inherit; }
button { min-height: 44px; padding: .6rem 1.5rem; border: 0; border-radius: .25rem;
  background: var(--colour); color: #fff; font: inherit; font-weight: 600; }
"""

# Nothing but what comes from the site itself, and the icon, which stands in the page.
POLICY = "default-src 'self'; img-src 'self' data:"


class Site:
    """A site of a few pages.

    ``title`` and ``colour`` are its looks, ``pages`` its addresses: lines of a path
    and what the link says; ``logout_url`` and ``login_url`` are where those links
    lead, if anywhere; ``portal_url`` leads back to where visitors come from;
    ``notepad`` adds a page on which a visitor can keep a note.
    """

    def __init__(self, title: str, colour: str, pages: str, **links: str) -> None:
        self.title = title
        self.style = STYLE.replace("COLOUR", colour)
        self.pages = dict(line.split(None, 1) for line in pages.splitlines() if line)
        self.links = links

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Answer with a page."""
        path = environ.get("PATH_INFO") or "/"
        status = "200 OK"
        if path == "/static/style.css":
            start_response(status, [("Content-Type", "text/css; charset=utf-8")])
            return [self.style.encode()]
        if path == "/notitie" and self.links.get("notepad"):
            if environ["REQUEST_METHOD"] == "POST":
                keep_note(environ)
                start_response("303 See Other", [("Location", "/notitie")])
                return [b""]
            name, content = "Mijn notitie", notepad(environ)
        elif path in self.pages:
            name, content = self.pages[path], visitor(environ)
        else:
            status, name, content = "404 Not Found", "Deze pagina is er niet", ""
        headers = [("Content-Type", "text/html; charset=utf-8")]
        headers.append(("Content-Security-Policy", POLICY))
        start_response(status, headers)
        return [self.whole(name, content, environ).encode()]

    def whole(self, name: str, content: str, environ: dict) -> str:
        """The page called ``name``, with all that stands around its ``content``."""
        known = bool(environ.get("REMOTE_USER"))
        wanted = [("portal_url", "MijnOverheid")]
        wanted.append(
            ("logout_url", "Uitloggen") if known else ("login_url", "Inloggen")
        )
        links = list(self.pages.items())
        if self.links.get("notepad"):
            links.append(("/notitie", "Mijn notitie"))
        links += [
            (self.links[link], text) for link, text in wanted if link in self.links
        ]
        navigation = "\n".join(
            f'<a href="{html.escape(url)}"{here(url, environ)}>{html.escape(text)}</a>'
            for url, text in links
        )
        title = html.escape(self.title)
        name = html.escape(name)
        return f"""<!doctype html>
<html lang="nl"><head><meta charset="utf-8"><title>{name} &ndash; {title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/static/style.css"><link rel="icon" href="data:,"></head>
<body><header><strong>{title}</strong><nav>{navigation}</nav></header>
<main><h1>{name}</h1>{content}</main></body></html>"""


def here(url: str, environ: dict) -> str:
    """What marks a link as the one to the page that the visitor is at."""
    return ' aria-current="page"' if url == environ.get("PATH_INFO", "/") else ""


def visitor(environ: dict) -> str:
    """What the site knows of who is looking at it."""
    if not environ.get("REMOTE_USER"):
        return "<p>U bent hier niet ingelogd.</p>"
    facts = {
        "Naam": environ.get("HTTP_X_NAME"),
        "Niveau": environ.get("HTTP_X_LEVEL"),
        "Kenmerk (REMOTE_USER)": environ["REMOTE_USER"],
    }
    rows = "".join(
        f"<dt>{name}</dt><dd>{html.escape(text_of(value))}</dd>"
        for name, value in facts.items()
        if value
    )
    return f"<p>U bent ingelogd.</p><dl>{rows}</dl>"


def text_of(value: str) -> str:
    """A value of environ as text (PEP 3333: UTF-8, seen as latin-1)."""
    return value.encode("latin-1").decode(errors="replace")


def keep_note(environ: dict) -> None:
    """Keep what was written on the notepad."""
    length = min(int(environ.get("CONTENT_LENGTH") or 0), 10_000)
    form = parse_qs(environ["wsgi.input"].read(length).decode(errors="replace"))
    session = environ["beaker.session"]
    session["note"] = form.get("note", [""])[0][:2000]
    session.save()


def notepad(environ: dict) -> str:
    """A form with the visitor's note."""
    note = html.escape(environ["beaker.session"].get("note", ""))
    return f"""<form method="post" action="/notitie">
<p><label for="note">Notitie</label>
<textarea id="note" name="note">{note}</textarea></p>
<p><button>Bewaren</button></p></form>"""


def make_site(**options: str) -> Site:
    """A site from the options of an ini section."""
    return Site(**options)
