"""Ask for the values that a site needs and the command line lacks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from eilogin.cli.commands.joining.join_values import (
    NO_VALUE,
    existing_file_or_none,
    headers_of,
    public_url_of,
    source_of,
)
from eilogin.cli.inifiles.ini_drafts import Draft
from eilogin.cli.terminal.prompts import ask, one_line
from eilogin.federation.local.profiles import DEFAULT_PROFILE


@dataclass(frozen=True, slots=True)
class JoinWish:
    """The options and arguments of the command line."""

    wrap: Path | None
    app: str | None
    folder: Path | None
    section: str
    #: One of ``KEY_KINDS``.
    kind: str
    #: Options of the filter's section; None for those without a value.
    filter_options: Mapping[str, str | Path | None]
    headers: tuple[str, ...] = ()


def with_application(wish: JoinWish) -> JoinWish:
    """Return the wish with an application; ask for it if it is missing."""
    if wish.wrap is not None and wish.app is not None:
        raise click.UsageError("expected --wrap or --app, not both")
    if wish.wrap is not None or wish.app is not None:
        return wish
    wrap = ask(
        "Does your application have an ini file of PasteDeploy, such as "
        "production.ini? Then eilogin is put in front of its application. You "
        "see the change first.",
        "Ini file, or 'none'",
        option="--wrap (or --app)",
        kind=existing_file_or_none,
        usual=NO_VALUE,
        is_required=True,
    )
    if wrap is not None:
        return replace(wish, wrap=wrap)
    app = ask(
        "Which application is it? The name of a WSGI application, as in a "
        "wsgi.py, such as mysite.wsgi:application. If its project has one for "
        "PasteDeploy: egg: and the name of the project.",
        "MODULE:CALLABLE, or egg:PROJECT",
        option="--app",
        kind=one_line,
    )
    return replace(wish, app=app)


def draft_of(
    ini: Path, folder: Path, filter_options: Mapping[str, str | Path | None]
) -> Draft:
    """Make a draft from the options; ask for missing ones."""
    public_url = filter_options["public_url"] or ask(
        "What is the address of your site? Scheme and host, as in the visitor's "
        "browser: https://mijn.example.nl. (To try it on this machine: "
        "http://mijn.localhost:8090.)",
        "Public URL",
        option="--public-url",
        kind=public_url_of,
    )
    host = urlsplit(str(public_url)).hostname or ""
    name = filter_options["name"] or ask(
        "What is the name of your site? Other services and the hub show it.",
        "Name",
        option="--name",
        kind=one_line,
        usual=host,
    )
    federation = filter_options["federation"] or ask(
        "Where is the federation's metadata? Its operator tells you: an https "
        "address, or a file. It need not exist yet.",
        "URL or file",
        option="--federation",
        kind=source_of,
        usual=str(folder / "federation.xml"),
    )
    certificate = filter_options["operator_certificate"] or ask(
        "Which file has the certificate of the federation's operator? Its key "
        "signs the metadata. The operator gives you the file; it need not exist "
        "yet.",
        "Certificate",
        option="--operator-certificate",
        kind=Path,
        usual=str(folder / "operator.crt"),
    )
    hub = filter_options["hub"]
    if hub is None and str(federation).startswith("mdq:"):
        hub = ask(
            "Where do your visitors log in? This federation has a responder "
            "(mdq:), which needs the name of the hub. The operator tells you its "
            "entityID.",
            "entityID of the hub",
            option="--hub",
            kind=one_line,
        )
    return Draft(
        ini,
        folder,
        str(public_url),
        str(name),
        str(federation),
        Path(certificate),
        str(hub or ""),
        str(filter_options["profile"] or DEFAULT_PROFILE),
    )


def ask_for_headers() -> tuple[str, ...]:
    """Ask for the request headers that the application trusts."""
    return ask(
        "Does your application read request headers to learn who the visitor is? "
        "A client can forge every header that you do not name. Name all of them, "
        "each with its value, separated by commas: X-Wiki-Name attribute:name, "
        "X-Wiki-* none. (All values: contrib/manual/protect/identity.rst.)",
        "Headers, or 'none'",
        option="--header",
        kind=lambda text: (
            () if text == NO_VALUE else headers_of(text.replace(",", "\n"))
        ),
        usual=NO_VALUE,
    )
