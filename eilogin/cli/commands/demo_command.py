"""``eilogin demo``: a whole federation on a laptop, from a clone of the project.

The demo makes missing files of ``paste.ini`` under ``var/``. There is no second list:
the members of the federation are the sections that use ``egg:eilogin`` or
``egg:eilogin#trust``.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from webob import Response

import eilogin
from eilogin import clock, config
from eilogin.atomic_files import SECRET, write
from eilogin.cli.commands.serve_command import serve
from eilogin.cli.inifiles import entry_points
from eilogin.cli.inifiles.ini_members import is_member, own_of_part, parts_of
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import NO_CHANGES, Changes, IniFile
from eilogin.cli.terminal.command_files import new_secret, write_key_pair
from eilogin.cli.terminal.reports import telling_errors
from eilogin.errors import ConfigurationError, Refused
from eilogin.federation.state.state_folder import forget_all
from eilogin.hub.signin.citizens import (
    DEMO_NAMES,
    DEMO_PASSWORDS,
    demo_citizens,
    to_json,
)
from eilogin.registry import (
    MEMBERS,
    OPTIONS,
    Folder,
    about_to_sign,
    difference,
    last_signed,
    make_folder,
    operator_key,
    read_member,
    sign_all,
)
from eilogin.saml.metadata import EntityDescriptor, write_entity
from eilogin.stores.store_locations import FILE_SUFFIXES, file_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import allow_only, read_form, require_own_form
from eilogin.web.site_urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: How long a signature is valid, and how many seconds before its end to sign again.
_VALIDITY = "90d"
_RENEWED_BEFORE = 30 * 86_400.0

#: The operator's note on our own members.
_NOTE = "made by eilogin demo"

#: Host names of the machine itself, which are not those of a site.
_THIS_MACHINE = ("localhost", "127.0.0.1")

#: The options of ``--short``, each with the filter that takes it besides the whole one.
#: A site asks the hub often, so that the hub's own limit does not come first; DigiD
#: allows no other ``keep_alive`` than its own.
_SHORT = {
    "idle": ("2m", "session"),
    "max_session": ("5m", "session"),
    "keep_alive": ("1m", "login"),
    "warn": ("30s", "login"),
}
_SHORT_TOLD = "Limits: 2 minutes without activity, 5 minutes in all (--short)."

_ELSEWHERE = (
    "cannot find the project's paste.ini; 'eilogin demo' needs a clone of the "
    "project. Run it in the clone; for a file of your own, use 'eilogin serve "
    "FILE'."
)


@click.command("demo", short_help="Run a whole federation, from a clone.")
@click.option(
    "--reset",
    is_flag=True,
    help="Remove the files that the demo made, and make new ones.",
)
@click.option("--prepare-only", is_flag=True, help="Make the missing files, and stop.")
@click.option(
    "--down",
    multiple=True,
    metavar="SITE",
    help="Do not let this site answer, such as uwv. May be repeated.",
)
@click.option(
    "--short",
    is_flag=True,
    help="End sessions after 2 minutes of inactivity, and after 5 minutes in any case.",
)
def demo_command(
    *, reset: bool, prepare_only: bool, down: Sequence[str], short: bool
) -> None:
    """Run a hub, a portal, participants and a rehearsal of DigiD on this machine.

    The command makes keys, certificates, signed metadata and citizens in var/, unless
    they exist. Then it serves the project's paste.ini, and prints the address of a
    guide: a page with things to try. Use its files only for trying out: everybody
    knows the passwords of its citizens.

    \b
        eilogin demo               until Ctrl-C
        eilogin demo --short       with short sessions, to see the warning
        eilogin demo --down uwv    with a participant that does not answer
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    file = find_paste_ini()
    if file is None:
        raise click.ClickException(_ELSEWHERE)
    with telling_errors():
        demo = Demo(file)
        hosts = demo.hosts(down)
        if reset:
            demo.reset()
        steps = list(demo.prepare())
    if prepare_only:
        for line in _told(steps, file.parent):
            click.echo(line)
        return
    # Standard output begins with the address of the guide.
    click.echo(_in_short(steps), err=True)
    sites = demo.sites()
    serve(
        file,
        {},
        demo.greeting(hosts, is_short=short),
        lambda app: _Around(app, hosts, sites, is_short=short),
        demo.short_limits() if short else NO_CHANGES,
    )


def find_paste_ini() -> Path | None:
    """The ``paste.ini`` of the clone around the working folder, or around eilogin.

    None without a clone.
    """
    working = Path.cwd()
    package = Path(eilogin.__file__).parent
    for folder in (working, *working.parents, package.parent):
        parts = ("paste.ini", "setup.cfg", "eilogin/__init__.py")
        if all((folder / part).is_file() for part in parts):
            return folder / "paste.ini"
    return None


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the demo needs, and whether this run has made it."""

    path: Path
    what: str
    made: bool

    def line(self, folder: Path) -> str:
        """The step for a person; paths as seen from ``folder``."""
        done = "made" if self.made else "existed already"
        return f"{self.path.relative_to(folder)!s:<28} {self.what}: {done}"


def _told(steps: Sequence[Step], folder: Path) -> list[str]:
    """A line for each step that made something, and one for all others."""
    lines = [step.line(folder) for step in steps if step.made]
    others = len(steps) - len(lines)
    return [*lines, f"{others} existed already"] if others else lines


def _in_short(steps: Sequence[Step]) -> str:
    made = sum(step.made for step in steps)
    return f"made {made} under var/; {len(steps) - made} existed already"


@dataclass(frozen=True, slots=True)
class DemoSite:
    """A site of the demo for the guide; texts are keyed by language."""

    url: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    #: A ``data:`` URI, or "".
    logo: str

    @property
    def host(self) -> str:
        """Its host name."""
        return _host_of(self.url)

    @property
    def word(self) -> str:
        """The name for ``--down``: the first part of the host name."""
        return self.host.partition(".")[0]


class Demo:
    """The files that a ``paste.ini`` needs to be served, under ``var/`` beside it.

    Raises :class:`eilogin.errors.InvalidOptions` if the file cannot be read whole.
    """

    def __init__(self, file: Path) -> None:
        self._ini = IniFile.read(file)
        self._var = file.parent / "var"
        self._parts = parts_of(self._ini)
        self._members = [part for part in self._parts if is_member(part)]

    def prepare(self) -> Iterator[Step]:
        """Make what is missing, a step at a time.

        Raises :class:`eilogin.errors.ConfigurationError` where an option is missing or
        wrong, or names a file outside of ``var/``.
        """
        self._var.mkdir(exist_ok=True)
        # First, because the key of a member may depend on one of them.
        for path in self._secrets():
            yield self._made(path, "secret", _write_secret)
        for part in self._members:
            yield self._key_pair(
                self._path(part, "key"),
                self._path(part, "certificate"),
                part.options.get("public_url", "").partition("//")[2],
            )
        federations = self._federations()
        for certificate in dict.fromkeys(certificate for _, certificate in federations):
            key = certificate.with_suffix(".key")
            yield self._key_pair(key, certificate, "operator of the federation")
        for federation, certificate in federations:
            yield self._metadata(
                federation, certificate, certificate.with_suffix(".key")
            )
        for path in self._of_option("citizens"):
            yield self._made(path, "citizens to log in with", _write_citizens)
        for path in self._folders():
            yield self._made(path, "folder", _make_folder)

    def reset(self) -> None:
        """Remove what the demo makes and what its store holds, and nothing else."""
        for path in self._belongings():
            path.unlink(missing_ok=True)
        self._forget()
        for known in self._of_option("federation_folder"):
            # It stays if it contains other files.
            with suppress(OSError):
                known.rmdir()

    def hosts(self, sites: Sequence[str]) -> Sequence[str]:
        """The hosts of sites, by the first part of their names.

        Raises :class:`click.BadParameter` for an unknown site.
        """
        urls = [part.options.get("public_url", "") for part in self._members]
        known = {
            host.partition(".")[0]: host for url in urls if (host := _host_of(url))
        }
        for site in sites:
            if site not in known:
                hint = config.did_you_mean(site, known)
                raise click.BadParameter(
                    f"found '{site}'; expected one of: {', '.join(known)}{hint}",
                    param_hint="--down",
                )
        return [known[site] for site in sites]

    def short_limits(self) -> Changes:
        """The options that end each session soon, for the sections that take them."""
        return {
            part.title: {
                option: value
                for option, (value, entry_point) in _SHORT.items()
                if part.entry_point in ("main", entry_point)
                and (option != "keep_alive" or part.options.get("profile") != "digid")
            }
            for part in self._parts
        }

    def greeting(
        self, down: Sequence[str] = (), *, is_short: bool = False
    ) -> list[str]:
        """The first address to open, all sites, those that are down, and all logins."""
        sites = self.sites()
        lines = [f"Start here: {_guide_of(sites)}", ""]
        if is_short:
            lines += [_SHORT_TOLD, ""]
        lines.append("Sites:")
        for site in sites:
            is_down = site.host in down
            name = f"{site.names['nl']}{' (down)' if is_down else ''}"
            lines.append(f"  {site.url:<42} {name}")
        lines += ["", "Citizens (password):"]
        lines += [f"  {name} ({password})" for name, password in DEMO_PASSWORDS.items()]
        return [
            *lines,
            "",
            "Ctrl-C stops it; 'eilogin demo' starts it again with the same files.",
        ]

    def sites(self) -> list[DemoSite]:
        """All sites, in the order of the file."""
        owns = [own_of_part(self._ini, part) for part in self._members]
        return [
            DemoSite(f"{own.public_url}/", own.names, own.descriptions, own.logo)
            for own in owns
        ]

    # --- what the file names ---

    def _path(self, part: Part, option: str) -> Path:
        """The file that a required option names, which has to be under ``var/``."""
        value = part.options.get(option, "").strip()
        if not value:
            raise self._wrong(part, option, "is required")
        return self._inside(Path(value), part, option)

    def _inside(self, path: Path, part: Part, option: str) -> Path:
        path = Path(os.path.normpath(self._var.parent / path))
        if not self._is_ours(path):
            expected = f"the demo makes files only under {self._var}"
            raise self._wrong(part, option, f"found '{path}'; {expected}")
        return path

    def _wrong(self, part: Part, option: str, told: str) -> ConfigurationError:
        return ConfigurationError(f"{self._ini.path}: [{part.title}] {option}: {told}")

    def _federations(self) -> list[tuple[Path, Path]]:
        """Metadata and operator's certificate; in most files all have the same."""
        pairs = [
            (self._federation(part), self._path(part, "federation_certificate"))
            for part in self._members
        ]
        return list(dict.fromkeys(pairs))

    def _federation(self, part: Part) -> Path:
        """The one file of metadata, without a certificate of its own."""
        lines = config.split(part.options.get("federation", ""))
        if len(lines) > 1 or any(map(self._has_certificate, lines)):
            told = (
                "the demo works with one file, signed with the key of "
                f"'federation_certificate'; found {' and '.join(map(repr, lines))}"
            )
            raise self._wrong(part, "federation", told)
        return self._path(part, "federation")

    def _has_certificate(self, line: str) -> bool:
        """Whether a line holds two paths; one path may have spaces in it."""
        here = self._var.parent
        file, _, certificate = line.rpartition(" ")
        is_path = Path(certificate).is_absolute() or self._is_ours(here / certificate)
        return bool(file) and is_path and self._is_ours(here / file)

    def _is_ours(self, path: Path) -> bool:
        return Path(os.path.normpath(path)).is_relative_to(self._var)

    def _of_option(self, name: str) -> list[Path]:
        found = [
            self._inside(Path(value), part, name)
            for part in self._parts
            if (value := part.options.get(name, "").strip())
        ]
        return list(dict.fromkeys(found))

    def _secrets(self) -> list[Path]:
        """The files that options for secrets name as ``file:PATH``."""
        found = [
            self._inside(Path(line.removeprefix("file:").strip()), part, option)
            for part in self._parts
            for option, value in part.options.items()
            if _is_secret(part, option)
            for line in config.split(value)
            if line.startswith("file:")
        ]
        return list(dict.fromkeys(found))

    def _stores(self) -> list[Path]:
        files = [
            self._inside(path, part, "store")
            for part in self._parts
            if (path := file_of(part.options.get("store", "").strip()))
        ]
        return list(dict.fromkeys(files))

    def _folders(self) -> list[Path]:
        folders = [store.parent for store in self._stores()]
        folders += self._of_option("federation_folder")
        return [path for path in dict.fromkeys(folders) if path != self._var]

    def _belongings(self) -> Iterator[Path]:
        for part in self._members:
            yield self._path(part, "key")
            yield self._path(part, "certificate")
        for federation, certificate in self._federations():
            yield from (federation, certificate, certificate.with_suffix(".key"))
            yield _operators(federation) / OPTIONS
            yield from _members_of_ours(_operators(federation))
        for store in self._stores():
            yield from (store.with_name(store.name + end) for end in FILE_SUFFIXES)
        yield from self._of_option("citizens")
        yield from self._secrets()

    # --- making ---

    def _forget(self) -> None:
        """Delete each site's copy of the federation, so that it fetches all again."""
        for known in self._of_option("federation_folder"):
            forget_all(known)

    def _made(self, path: Path, what: str, make: Callable[[Path], None]) -> Step:
        if path.exists():
            return Step(path, what, made=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        return Step(path, what, made=True)

    def _key_pair(self, key: Path, certificate: Path, name: str) -> Step:
        made = not (key.exists() and certificate.exists())
        if made:
            write_key_pair(key, certificate, name)
        return Step(key, f"key and certificate of {name}", made=made)

    def _metadata(self, federation: Path, certificate: Path, key: Path) -> Step:
        """Sign the metadata again if members changed, or if it would soon expire.

        Sign as the operator, whose folder may hold members of other files too.
        """
        what = "signed metadata of the federation"
        folder = _operators(federation)
        if not (folder / OPTIONS).exists():
            make_folder(
                folder,
                name="eilogin demo",
                validity=_VALIDITY,
                key=os.path.relpath(key, folder),
                certificate=os.path.relpath(certificate, folder),
                signed=os.path.relpath(federation, folder),
                loopback="true",
            )
        if _bring_in(Folder(folder), self._entries(federation)):
            # With another key or address, the sysadmin has changed the file on purpose,
            # and should not have to approve that at each site.
            self._forget()
        known = Folder(folder)
        if _is_current(known):
            return Step(federation, what, made=False)
        with operator_key(known) as operator:
            sign_all(known, operator, known.options.validity)
        return Step(federation, what, made=True)

    def _entries(self, federation: Path) -> Iterator[EntityDescriptor]:
        """The entries of the members that are sections of this file."""
        for part in self._members:
            if self._federation(part) == federation:
                yield own_of_part(self._ini, part).entry()


class _Around:
    """The served application, without the hosts that are down, and with the guide.

    The address of the machine (``localhost``) shows the guide, on which the visitor
    also switches sites off and on.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        down: Sequence[str],
        sites: Sequence[DemoSite],
        *,
        is_short: bool,
    ) -> None:
        self._app = app
        self._down = set(down)
        self._sites = sites
        self._is_short = is_short
        self._pages = Pages()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "").partition(":")[0]
        if host in _THIS_MACHINE:
            guide = f"http://{host}:{environ['SERVER_PORT']}/"
            return self._guide(environ, guide)(environ, start_response)
        if host not in self._down:
            return self._app(environ, start_response)
        start_response(
            "503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")]
        )
        told = f"{host} is down: 'eilogin demo' or its guide switched it off.\n"
        return [told.encode()]

    def _guide(self, environ: "WSGIEnvironment", guide: str) -> Response:
        """Answer with the guide at this address, or carry out one of its buttons."""
        try:
            allow_only(environ, "GET", "HEAD", "POST")
            if environ["REQUEST_METHOD"] == "POST":
                self._switch(environ, guide)
                return see_other(f"{guide}#down")
        except Refused as error:
            return self._pages.refuse(environ, error, event="demo")
        language = language_of(environ)
        return self._pages.page(
            environ,
            "guide.html",
            action=guide,
            is_short=self._is_short,
            sites={
                site.word: {
                    "url": site.url,
                    "name": site.names.get(language, site.names["nl"]),
                    "description": site.descriptions.get(language, ""),
                    "logo": site.logo,
                    "is_down": site.host in self._down,
                }
                for site in self._sites
            },
            citizens=[
                (DEMO_NAMES[username], username, password)
                for username, password in DEMO_PASSWORDS.items()
            ],
        )

    def _switch(self, environ: "WSGIEnvironment", guide: str) -> None:
        """Switch a site off or on. Raises Refused for a form of another page."""
        require_own_form(environ, guide)
        form = read_form(environ)
        hosts = {site.word: site.host for site in self._sites}
        if form.get("off") in hosts:
            self._down.add(hosts[form["off"]])
        if form.get("on") in hosts:
            self._down.discard(hosts[form["on"]])


def _guide_of(sites: Sequence[DemoSite]) -> str:
    """The address of the guide: this machine, at the port of the first site."""
    _, colon, port = urlsplit(sites[0].url).netloc.partition(":")
    return f"http://localhost{colon}{port}/"


def _host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


def _operators(federation: Path) -> Path:
    """The operator's folder, for the file that is signed there."""
    return federation.with_suffix("")


def _bring_in(folder: Folder, entries: Iterable[EntityDescriptor]) -> bool:
    """Add and update our own members in the folder, and leave all others.

    Return whether an existing one of them has changed.
    """
    has_changed = False
    gone = {name for name, one in folder.members.items() if one.note == _NOTE}
    for entry in entries:
        member = read_member("paste.ini", write_entity(entry), on_loopback=True)
        gone.discard(member.entity_id)
        known = folder.members.get(member.entity_id)
        if known is None or known.descriptor != member.descriptor:
            folder.put(member, _NOTE)
            has_changed = has_changed or known is not None
    for entity_id in gone:
        folder.remove(entity_id)
    return has_changed


def _members_of_ours(folder: Path) -> list[Path]:
    mark = f"<!-- {_NOTE} -->".encode()
    found = (folder / MEMBERS).glob("*.xml")
    return [path for path in found if path.read_bytes().startswith(mark)]


def _is_current(folder: Folder) -> bool:
    try:
        last = last_signed(folder)
    except ConfigurationError:
        return False
    if last is None:
        return False
    metadata, elements = last
    ends = metadata.valid_until or 0.0
    is_same = not any(difference(elements, about_to_sign(folder)))
    return is_same and ends - clock.now() > _RENEWED_BEFORE


def _is_secret(part: Part, option: str) -> bool:
    declared = entry_points.declared().get(part.entry_point or "")
    field = declared.model_fields.get(option) if declared else None
    return field is not None and config.is_secret(field.annotation)


def _write_citizens(path: Path) -> None:
    write(path, to_json(demo_citizens()), mode=SECRET)


def _write_secret(path: Path) -> None:
    write(path, new_secret(), mode=SECRET)


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700)
