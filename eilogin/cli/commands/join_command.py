"""``eilogin join``: prepare a site to become a member of a federation.

Make its key and certificate, its metadata, and the ini lines that put eilogin around
its application. The command overwrites only the metadata, which it makes from the rest.
A second run makes what is missing, and reports that it is done.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import click
from pydantic import TypeAdapter, ValidationError

from eilogin.atomic_files import PUBLIC, SECRET, write
from eilogin.cli.checks.configuration_check import check
from eilogin.cli.checks.exposure_notes import is_local_server
from eilogin.cli.commands.check_command import tell_steps
from eilogin.cli.inifiles.ini_drafts import Draft, is_address
from eilogin.cli.inifiles.ini_members import own_of_part
from eilogin.cli.inifiles.ini_pipelines import names_zope
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.inifiles.pipeline_wrapping import Host, difference, encoded
from eilogin.cli.terminal.command_files import (
    KINDS,
    SITE_DAYS,
    copied,
    new_private,
    new_secret,
    rewrite,
    write_key_pair,
    write_new,
)
from eilogin.cli.terminal.prompts import ask, one_line, require_yes
from eilogin.cli.terminal.reports import tell, tell_notes, telling_errors
from eilogin.config import PublicURL, WebAddress, attempt, split
from eilogin.errors import ConfigurationError
from eilogin.filters.identity_options import IdentityOptions
from eilogin.saml.metadata import write_entity
from eilogin.shell_quoting import typed

#: The new ini file of an application without one.
_NEW_FILE = "site.ini"

#: The answer if the application has no ini file.
_NONE = "none"

#: The name of the filter, if the file has no other of that name.
_FILTER = "eilogin"


_PUBLIC_URL: TypeAdapter[str] = TypeAdapter(PublicURL)
_ADDRESS: TypeAdapter[str] = TypeAdapter(WebAddress)


def _checked(kind: TypeAdapter[str], text: str) -> str:
    """Validate a value as the option of an ini file does."""
    try:
        return kind.validate_python(text)
    except ValidationError as error:
        told = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise click.BadParameter(f"found '{text}'; expected {told}") from error


def public_url_of(text: str) -> str:
    """Return the address of a site, as an ini file takes it."""
    return _checked(_PUBLIC_URL, text)


def source_of(text: str) -> str:
    """Validate the source of a federation's metadata."""
    if is_address(text):
        _checked(_ADDRESS, text.removeprefix("mdq:"))
    return one_line(text)


def _there(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise click.BadParameter(f"the file '{text}' does not exist")
    return path


def _there_or_none(text: str) -> Path | None:
    return None if text == _NONE else _there(text)


@click.command("join", short_help="Make the files of a site that joins a federation.")
@click.option(
    "--wrap",
    metavar="INI",
    type=_there,
    help="Paste ini file of your application, such as production.ini. "
    "eilogin is put in front of its app. Or:",
)
@click.option(
    "--app",
    metavar="NAME",
    type=one_line,
    help="Application without an ini file: MODULE:CALLABLE, such as "
    "mysite.wsgi:application, or egg:PROJECT. The command makes "
    "site.ini.",
)
@click.option(
    "--public-url",
    metavar="URL",
    type=public_url_of,
    help="Address of your site, such as https://mijn.example.nl.",
)
@click.option(
    "--name",
    metavar="TEXT",
    type=one_line,
    help="Name of the site for people.  [the host name]",
)
@click.option(
    "--federation",
    metavar="URL|FILE",
    type=source_of,
    help="Metadata of the federation; ask the operator for it.  "
    "[federation.xml in the folder]",
)
@click.option(
    "--operator-certificate",
    metavar="FILE",
    type=Path,
    help="Certificate of the federation's operator.  [operator.crt in the folder]",
)
@click.option(
    "--hub",
    metavar="ENTITYID",
    type=one_line,
    help="Hub where your visitors log in, if there are several.",
)
@click.option(
    "--profile",
    type=click.Choice(["saml", "digid"]),
    help="Interface of your hub; digid is exactly that of DigiD.  [saml]",
)
@click.option(
    "--header",
    "headers",
    metavar="LINE",
    multiple=True,
    callback=lambda _, __, lines: _headers("\n".join(lines)),
    help="Request header that your application trusts, and its value, "
    "such as 'X-Wiki-Name attribute:name' or 'X-Wiki-* none'. "
    "Repeat the option for every such header.",
)
@click.option(
    "--folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the key and all other files.  [that of the ini file]",
)
@click.option(
    "--section",
    metavar="NAME",
    help="Section of the app behind eilogin, such as app:mysite.  [the"
    " one called main]",
)
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="rsa",
    help="Kind of the key. Every hub accepts RSA (3072 bits); not "
    "every hub accepts a curve. Peers cannot encrypt for a curve.",
)
@click.option("--dry-run", is_flag=True, help="Show the files, and do not write them.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
def join_command(  # noqa: PLR0913 - one for each option
    wrap: Path | None,
    app: str | None,
    folder: Path | None,
    section: str | None,
    headers: tuple[str, ...],
    *,
    kind: str,
    dry_run: bool,
    yes: bool,
    **said: str | Path | None,
) -> None:
    """Make the files of a site that joins a federation.

    The command makes a key with its certificate, the metadata for the operator, and
    the lines of an ini file that put eilogin in front of your application. On a
    terminal it asks for each value that you did not give. It shows each change of
    your file, and keeps a copy of that file. It overwrites no file; a second run
    makes only what is missing.

    \b
        eilogin join                        it asks, and explains
        eilogin join --wrap production.ini  in front of the app of that file
        eilogin join --app mysite:app       with a new ini file
        eilogin join … --dry-run            show what it would do
        eilogin join … --kind p-256         with a key of an elliptic curve

    Then it prints the steps that are left, as 'eilogin check' does: send your
    metadata to the operator, get the metadata of the federation, and serve. The
    manual has all steps: contrib/manual/join/index.rst.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with telling_errors():
        wish = _Wish(wrap, app, folder, section or "", kind, said, headers)
        _join(wish, dry_run=dry_run, yes=yes)


@dataclass(frozen=True, slots=True)
class _Wish:
    """The options and arguments of the command line."""

    wrap: Path | None
    app: str | None
    folder: Path | None
    section: str
    #: Kind of the key to make: one of ``KINDS``.
    kind: str
    #: Options of the filter's section; None for those without a value.
    said: Mapping[str, str | Path | None]
    #: Lines of the option ``headers``.
    headers: tuple[str, ...] = ()


def _join(wish: _Wish, *, dry_run: bool, yes: bool) -> None:
    wish = _with_application(wish)
    folder = wish.folder or (wish.wrap.parent if wish.wrap else Path())
    ini = wish.wrap or folder / _NEW_FILE
    host = Host.read(ini, wish.section) if ini.exists() else None
    if host is not None and host.guards:
        _require_same(host, wish)
        _require_same_headers(host, wish.headers)
        click.echo(f"{ini}: contains eilogin already")
    else:
        change = _change(wish, ini, folder, host)
        for line in change.lines:
            click.echo(line)
        if not dry_run:
            if not yes:
                require_yes(f"\nWrite {ini}?")
            click.echo(change.carry_out())
        host = None if dry_run else Host.read(ini, wish.section)
    if dry_run:
        click.echo("\nNothing was written (--dry-run).")
    elif host is not None:
        for line in made(host, wish.kind):
            click.echo(line)
        tell_what_is_left(ini)


def _with_application(wish: _Wish) -> _Wish:
    """Add the application, after asking for it if it is missing."""
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
        kind=_there_or_none,
        usual=_NONE,
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


# --- the ini file ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Change:
    """An ini file before and after; ``before`` is None for a new file."""

    path: Path
    before: bytes | None
    after: bytes

    @property
    def lines(self) -> list[str]:
        """The change as lines for a person."""
        return difference(self.path, self.before or b"", self.after)

    def carry_out(self) -> str:
        """Write the file, keep a copy of the old one, and return a line about it."""
        if self.before is None:
            write_new(self.path, self.after)
            return f"{self.path}: made"
        kept = copied(self.path)
        rewrite(self.path, self.after, was=self.before)
        return (
            f"{self.path}: eilogin is in front of it now; a copy of the old file: "
            f"{kept}"
        )


def _change(wish: _Wish, ini: Path, folder: Path, host: Host | None) -> _Change:
    if host is not None and wish.wrap is None:
        raise ConfigurationError(
            f"{ini}: exists already, without eilogin; expected "
            f"{typed('--wrap', ini)}, which puts eilogin in front of its "
            "application"
        )
    draft = _draft(ini, folder, wish.said)
    is_zope = names_zope(wish.app or "") if host is None else host.is_zope
    is_local = host is None or any(map(is_local_server, host.servers))
    headers = wish.headers or _headers_asked_for()
    draft = replace(draft, is_zope=is_zope, is_local=is_local, headers=headers)
    if host is None:
        lines = draft.new_file_lines(wish.app or "")
        return _Change(ini, None, b"".join(encoded(f"{line}\n") for line in lines))
    name = host.free_name(_FILTER)
    after = host.wrapped(name, draft.filter_lines(name, host.outer))
    return _Change(ini, host.octets, after)


def _draft(ini: Path, folder: Path, said: Mapping[str, str | Path | None]) -> Draft:
    """Make a draft from the options; ask for those that are missing."""
    public_url = said["public_url"] or ask(
        "What is the address of your site? Scheme and host, as in the visitor's "
        "browser: https://mijn.example.nl. (To try it on this machine: "
        "http://mijn.localhost:8090.)",
        "Public URL",
        option="--public-url",
        kind=public_url_of,
    )
    host = urlsplit(str(public_url)).hostname or ""
    name = said["name"] or ask(
        "What is the name of your site? Other services and the hub show it.",
        "Name",
        option="--name",
        kind=one_line,
        usual=host,
    )
    federation = said["federation"] or ask(
        "Where is the federation's metadata? Its operator tells you: an https "
        "address, or a file. It need not exist yet.",
        "URL or file",
        option="--federation",
        kind=source_of,
        usual=str(folder / "federation.xml"),
    )
    certificate = said["operator_certificate"] or ask(
        "Which file has the certificate of the federation's operator? Its key "
        "signs the metadata. The operator gives you the file; it need not exist "
        "yet.",
        "Certificate",
        option="--operator-certificate",
        kind=Path,
        usual=str(folder / "operator.crt"),
    )
    hub = said["hub"]
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
        str(said["profile"] or "saml"),
    )


def _headers(text: str) -> tuple[str, ...]:
    """Read lines of the option ``headers``, as in an ini file."""
    lines = split(text)
    _, faults = attempt(IdentityOptions, "", "", {"headers": "\n".join(lines)})
    if faults:
        raise click.BadParameter("; ".join(fault.expected for fault in faults))
    return lines


def _headers_asked_for() -> tuple[str, ...]:
    return ask(
        "Does your application read request headers to learn who the visitor is? "
        "A client can forge every header that you do not name. Name all of them, "
        "each with its value, separated by commas: X-Wiki-Name attribute:name, "
        "X-Wiki-* none. (All values: contrib/manual/protect/identity.rst.)",
        "Headers, or 'none'",
        option="--header",
        kind=lambda text: () if text == _NONE else _headers(text.replace(",", "\n")),
        usual=_NONE,
    )


def _require_same(host: Host, wish: _Wish) -> None:
    """Require that the existing sections agree with the command line: they stay."""
    applications = host.applications
    if wish.app and len(applications) == 1:
        (own,) = applications
        found = own.options.get("app", own.use)
        if found != wish.app:
            raise _other(host, own.title, "app", found, wish.app)
    said = wish.said
    words = {one: said[one] for one in ("public_url", "name", "hub", "profile")}
    places = {
        "federation": said["federation"],
        "federation_certificate": said["operator_certificate"],
    }
    here = host.file.path.absolute().parent
    for name, wanted in {**words, **places}.items():
        for guard in host.guards if wanted is not None else ():
            found = guard.options.get(name, "").strip()
            is_same = found == str(wanted)
            if name in places:
                is_same = _place(here, found) == _place(Path.cwd(), str(wanted))
            if not is_same:
                raise _other(host, guard.title, name, found, wanted)


def _require_same_headers(host: Host, headers: tuple[str, ...]) -> None:
    for guard in host.guards if headers else ():
        found = split(guard.options.get("headers", ""))
        if found != headers:
            told = "; ".join(found), "; ".join(headers)
            raise _other(host, guard.title, "headers", *told)


def _other(
    host: Host, title: str, name: str, found: str, wanted: object
) -> ConfigurationError:
    return ConfigurationError(
        f"{host.file.path}: [{title}] {name}: found '{found}'; expected "
        f"'{wanted}', as you gave it. Change it in the file"
    )


def _place(here: Path, said: str) -> str:
    """An address, or the absolute path of a file."""
    return said if is_address(said) else os.path.normpath(here / said)


# --- what the ini file names ----------------------------------------------------


def made(host: Host, kind: str) -> Iterator[str]:
    """Make the missing files that the sections name; yield a line for each."""
    here = host.file.path.absolute().parent
    for guard in host.guards:
        said = {name: value.strip() for name, value in guard.options.items()}
        # A site with `keys` has made them already.
        if {"key", "certificate"} <= said.keys():
            paths = here / said["key"], here / said["certificate"]
            yield from _made_keys(*paths, said, kind)
        secret = said.get("pseudonym_key", "")
        if secret.startswith("file:"):
            path = here / secret.removeprefix("file:").strip()
            if not path.exists():
                write(path, new_secret(), mode=SECRET)
                yield f"{path}: a secret, made; keep it, and do not change it"
        if kept := said.get("federation_folder"):
            (here / kept).mkdir(mode=0o700, parents=True, exist_ok=True)
        own = own_of_part(host.file, guard)
        folder = (here / said["key"]).parent if "key" in said else here
        metadata = folder / f"{urlsplit(own.public_url).hostname}.xml"
        write(metadata, write_entity(own.descriptor(), own.key), mode=PUBLIC)
        yield f"{metadata}: your metadata, for the operator of the federation"


def _made_keys(
    key: Path, certificate: Path, said: Mapping[str, str], kind: str
) -> Iterator[str]:
    """Make a key and its certificate, if both are missing.

    If only one of them exists, peers may know us by it.
    """
    there = [path for path in (key, certificate) if path.exists()]
    if len(there) == 1:
        (missing,) = {key, certificate} - set(there)
        raise ConfigurationError(
            f"{there[0]} exists, but {missing} is missing. Restore that file; or "
            "move the first one away, and the command makes both"
        )
    if there:
        yield f"{key}: your key; it existed already"
        return
    host = urlsplit(said.get("public_url", "")).hostname or ""
    write_key_pair(key, certificate, host, private=new_private(kind), days=SITE_DAYS)
    yield f"{key}: your key, made; keep it secret"
    yield f"{certificate}: its certificate, made"


def tell_what_is_left(ini: Path) -> None:
    """Print steps as ``eilogin check`` does, and faults only if no step covers them."""
    checked = check(IniFile.read(ini))
    if checked.steps:
        tell_steps(checked.steps)
    elif checked.faults:
        tell(checked.faults)
    else:
        tell_notes(checked.remarks)
        serve = typed("eilogin serve", ini)
        click.echo(f"{ini}: everything in order; serve it: {serve}")
