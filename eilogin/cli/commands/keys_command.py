"""``eilogin keys new | list | calendar | ready FILE``: the keys of a site.

Replace a key by another one without losing a login. ``new`` makes the next key, which
is published and does not sign yet. ``ready`` says whether all peers can know it. On its
day it signs, without anyone's help. ``list`` shows the keys, and ``calendar`` the dates
to come.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from eilogin import clock
from eilogin.atomic_files import PUBLIC, SECRET, create, write
from eilogin.cli.inifiles.ini_members import chosen, options_of_part, own_of_part
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.command_files import KINDS, new_private
from eilogin.cli.terminal.icalendar import Event, as_ical
from eilogin.cli.terminal.reports import telling_errors
from eilogin.errors import EiloginError
from eilogin.federation import Membership, Own, Trust
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.local.local_keys import (
    CALENDAR,
    NAME,
    OwnKey,
    in_turn,
    last_in_line,
    read_instant,
    write_turn,
)
from eilogin.federation.local.local_options import OwnOptions, own_of
from eilogin.federation.members import certificate_expiry, hub_requirements
from eilogin.federation.members.certificate_expiry import key_endings
from eilogin.federation.members.expiry_alarms import Expiry
from eilogin.federation.members.key_readiness import Finding, in_metadata
from eilogin.federation.members.trust_options import (
    TrustOptions,
    back_channel_of,
    federation_of,
)
from eilogin.participant.login.hub_key_probe import HubKeyProbe
from eilogin.registry import Folder, endings_of
from eilogin.saml.messages import write_instant
from eilogin.saml.printable_text import printable
from eilogin.saml.signing_keys import fingerprints, new_key_pair
from eilogin.shell_quoting import typed

_DAY = 86400.0
#: How long a new key is published before it signs: peers read metadata once a day, and
#: their administrators can be on holiday.
_AHEAD = 30 * _DAY
#: The shortest time in advance, also if the last key has ended already.
_AT_LEAST = 2 * _DAY
#: With less time than this, some peers will not know the key in time.
_SHORT = 7 * _DAY
#: How long a key is valid after that.
_YEARS = 3 * 365 * _DAY
#: RFC 5280 appendix A: the longest common name.
_COMMON_NAME = 64
#: The most hubs to ask, one after another: a site has few, the world has many.
_MOST_ASKED = 20


@click.group("keys", short_help="Make and replace the keys of a site.")
def keys_command() -> None:
    """Make and replace the keys of a site.

    \b
        eilogin keys new app.ini       make the next key; it does not sign yet
        eilogin keys ready app.ini     check whether all peers know it
        eilogin keys list app.ini      list all keys and their use now
        eilogin keys calendar app.ini  list the dates of keys and certificates
    """  # noqa: D301 - \b is click's sign for "do not wrap"


_SECTION = click.option(
    "--section",
    help="Section of the site, such as filter:eilogin. Required if "
    "FILE has several sites.",
)


def _of_a_site(function: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments that all of these commands share, and report their errors."""

    @click.argument("file", type=click.Path(path_type=Path))
    @_SECTION
    @wraps(function)
    def command(file: Path, section: str | None, **more: Any) -> None:
        with telling_errors():
            ini = IniFile.read(file)
            function(ini, chosen(ini, section), **more)

    return command


# --- new ------------------------------------------------------------------------


def _instant(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    try:
        return None if value is None else read_instant(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


@keys_command.command("new", short_help="Make the next key of a site.")
@_of_a_site
@click.option(
    "--from",
    "begins",
    callback=_instant,
    help="Start: the key signs from then on (UTC).",
)
@click.option(
    "--until",
    "ends",
    callback=_instant,
    help="End: the key is published until then (UTC).",
)
@click.option("--name", help="Name of its files. [default: the day on which it starts]")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="rsa",
    help="Kind of the key. Every peer accepts RSA (3072 bits); not "
    "every peer accepts a curve.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="For a site with a single key: new folder for that key and the next.",
)
def new_command(  # noqa: PLR0913 - what can be said of a key
    ini: IniFile,
    part: Part,
    *,
    begins: float | None,
    ends: float | None,
    name: str | None,
    kind: str,
    folder: Path | None,
) -> None:
    """Make the next key of a site of FILE, and its certificate.

    \b
        eilogin keys new app.ini
        eilogin keys new app.ini --folder keys    if the site has a single key

    A running site publishes the new key in its metadata within seconds. It signs with
    that key from --from on: 30 days from now, or a day before the last key expires.
    If --folder makes the first folder of a site, restart the site. The command
    overwrites no file.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    options = options_of_part(OwnOptions, ini, part)
    own = own_of_part(ini, part)
    place = _place(part, options, folder)
    key = _planned(options, begins, ends, name)
    is_of_old = options.keys is None and key.name == _old_name(options)
    if is_of_old or (place / f"{key.name}.key").exists():
        of = "the current key" if is_of_old else "an existing file"
        raise click.ClickException(
            f"{place / key.name}.key is {of}; expected another name (--name)"
        )
    if options.keys is None:
        _make_folder(place, options, own)
    _write_pair(place, key, own, kind)
    click.echo(
        f"{place / key.name}.key and .crt: signs from {_day(key.begins)} until"
        f" {_day(key.ends)} (UTC)"
    )
    if options.keys is None:
        click.echo(_to_write(ini, part, place, options))
    if key.begins - clock.now() < _SHORT:
        click.echo(_SOON, err=True)
    first = _RUNS_ON if options.keys else _START_AGAIN
    metadata = typed("eilogin metadata", ini.path)
    ready = typed("eilogin keys ready", ini.path)
    day = _day(key.begins)
    click.echo(_STEPS.format(first=first, metadata=metadata, day=day, ready=ready))


def _place(part: Part, options: OwnOptions, folder: Path | None) -> Path:
    """The present folder with the keys of a site, or the new one."""
    if options.keys is not None and folder is not None:
        raise click.ClickException(
            f"[{part.title}] has its keys in '{options.keys}' already; expected "
            "no --folder"
        )
    place = options.keys or folder
    if place is None:
        raise click.ClickException(
            f"[{part.title}] has one key ('key'), and several need a folder; "
            "expected --folder FOLDER, which makes it with this key and the next "
            "one"
        )
    return place


@dataclass(frozen=True)
class _Planned:
    """A key that the command is about to make."""

    name: str
    begins: float
    ends: float


_SOON = (
    "That is less than a week. A peer that has not read our metadata by then rejects "
    "what we sign.\nYou can set a later 'from' in keys.ini, if the key before it is "
    "valid for longer.\n"
)
_START_AGAIN = "restart the site: its metadata"
_RUNS_ON = "within seconds, without a restart, the metadata of the site"
_STEPS = (
    "Then:\n1. {first} contains the new key; the old one still signs\n2. give the "
    "metadata to the operator of the federation: {metadata}\n3. before {day}, check "
    "whether all peers know the key: {ready}"
)


def _planned(
    options: OwnOptions, begins: float | None, ends: float | None, name: str | None
) -> _Planned:
    now = clock.now()
    if begins is None:
        last = last_in_line([key for key in options.own_keys if key.signs])
        latest = max(now + _AT_LEAST, last.ends - _DAY)
        begins = min(_midnight(now + _AHEAD), _midnight(latest))
    ends = begins + _YEARS if ends is None else ends
    if not max(begins, now) < ends:
        raise click.ClickException(
            f"--until: expected a future day, after {_day(begins)}, found {_day(ends)}"
        )
    name = f"{clock.utc(begins):%Y-%m-%d}" if name is None else name
    if not NAME.fullmatch(name):
        raise click.ClickException(
            f"--name: expected letters, digits, '.', '_' and '-', found {name!r}"
        )
    return _Planned(name, begins, ends)


def _midnight(instant: float) -> float:
    return instant - instant % _DAY


def _make_folder(place: Path, options: OwnOptions, own: Own) -> None:
    """Make a folder with the present key and with the secrets derived from it."""
    try:
        place.mkdir(mode=0o700)
    except OSError as error:
        told = f"--folder: expected a new folder, found '{place}' ({error.strerror})"
        raise click.ClickException(told) from error
    if options.key is not None:
        _belongs_to_owner_of(options.key, place)
    name = _old_name(options)
    files = ((options.key, "key", SECRET), (options.certificate, "crt", PUBLIC))
    for path, ending, mode in files:
        if path is not None:
            _create(place / f"{name}.{ending}", path.read_bytes(), mode)
    for option, secret in _made_of_key(options, own).items():
        _create(place / option, secret + b"\n", SECRET)


def _old_name(options: OwnOptions) -> str:
    """The name of the present key in the new folder: the day on which it begins."""
    (only,) = options.own_keys
    return f"{clock.utc(only.begins):%Y-%m-%d}"


def _made_of_key(options: OwnOptions, own: Own) -> dict[str, bytes]:
    """Secrets that no option sets and that must not change with the key."""
    found = {}
    if not options.secret:
        found["secret"] = own.sealing_secrets[0]
    if options.pseudonym_key is None:
        found["pseudonym_key"] = own.made_pseudonym_key
    return found


def _write_pair(place: Path, key: _Planned, own: Own, kind: str) -> None:
    """Write key and certificate, and the day on which the key begins to sign.

    The certificate comes last. An interrupted command leaves a key without certificate,
    which is refused at the next start, and never a key that signs too early.
    """
    begins = min(clock.now(), key.begins)
    days = int((key.ends - begins) // _DAY) + 1
    host = urlsplit(own.public_url).hostname or ""
    private_pem, certificate_pem = new_key_pair(
        host[:_COMMON_NAME], days, new_private(kind), begins=begins
    )
    _create(place / f"{key.name}.key", private_pem, SECRET)
    calendar = place / CALENDAR
    before = calendar.read_text("utf-8") if calendar.exists() else ""
    said = f"{before.rstrip()}\n\n" if before.strip() else ""
    said += write_turn(key.name, key.begins, key.ends)
    write(calendar, said.encode(), mode=PUBLIC)
    _belongs_to_owner_of(place, calendar)
    _create(place / f"{key.name}.crt", certificate_pem, PUBLIC)


def _create(path: Path, octets: bytes, mode: int) -> None:
    try:
        create(path, octets, mode=mode)
    except FileExistsError as error:
        told = f"{path} exists already; eilogin does not overwrite it"
        raise click.ClickException(told) from error
    _belongs_to_owner_of(path.parent, path)


def _belongs_to_owner_of(other: Path, path: Path) -> None:
    """Give a file that root makes to the user of the server, who owns the keys."""
    if os.geteuid() == 0:
        of = other.stat()
        # The owner of the folder could put a link there meanwhile.
        os.chown(path, of.st_uid, of.st_gid, follow_symlinks=False)


def _to_write(ini: IniFile, part: Part, place: Path, options: OwnOptions) -> str:
    """The lines for the ini file that replace the one key."""
    try:
        here = f"%(here)s/{place.absolute().relative_to(ini.path.absolute().parent)}"
    except ValueError:
        here = str(place.absolute())
    lines = [f"keys = {here}"]
    if not options.secret:
        lines.append(f"secret = file:{here}/secret")
    if options.pseudonym_key is None:
        lines.append(f"pseudonym_key = file:{here}/pseudonym_key")
    shown = "\n".join(f"    {line}" for line in lines)
    return (
        f"In [{part.title}] of {ini.path}, replace 'key' and 'certificate' "
        f"with:\n\n{shown}\n"
    )


# --- list -----------------------------------------------------------------------


@keys_command.command("list", short_help="List the keys of a site.")
@_of_a_site
def list_command(ini: IniFile, part: Part) -> None:
    """List the keys of a site of FILE: the use of each now, its start and its end.

    \b
        eilogin keys list app.ini
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    own = own_of_part(ini, part)
    click.echo(own.entity_id)
    for key in own.keys:
        text = key.pair.certificate_text
        click.echo(
            f"{key.name or 'key'}: {_state(own.keys, key)}; {_kind(key)}, {_use(key)}"
            f" from {_day(key.begins)} until {_day(key.ends)}; {fingerprints(text)}"
        )


def _state(keys: Sequence[OwnKey], key: OwnKey) -> str:
    now = clock.now()
    if key is in_turn([one for one in keys if one.signs], now):
        return "signs now"
    if not key.signs:
        return "decrypts"
    if key.begins > now:
        return f"published, will sign from {_day(key.begins)}"
    if key.is_over(now):
        return "expired, decrypts only" if key.encrypts else "expired"
    return "published, no longer signs"


def _use(key: OwnKey) -> str:
    if key.signs and key.encrypts:
        return "signs and decrypts"
    return "signs" if key.signs else "decrypts"


def _kind(key: OwnKey) -> str:
    public = key.pair.public
    if isinstance(public, EllipticCurvePublicKey):
        return f"curve {public.curve.name}"
    return f"RSA {public.key_size}"


def _day(instant: float) -> str:
    return write_instant(instant).removesuffix("T00:00:00Z")


# --- calendar -------------------------------------------------------------------


@keys_command.command("calendar", short_help="List the dates of keys and certificates.")
@click.argument("file", metavar="FILE|DIR", type=click.Path(path_type=Path))
@_SECTION
@click.option("--ical", is_flag=True, help="Print iCalendar, with reminders.")
def calendar_command(file: Path, section: str | None, *, ical: bool) -> None:
    """List the dates of a site of FILE: starts of keys, ends of certificates.

    \b
        eilogin keys calendar app.ini
        eilogin keys calendar app.ini --ical > keys.ics

    If the metadata can be read, the list has the dates of your hubs too. For the
    folder DIR of a federation, it has those of the operator and of all members.
    --ical prints a calendar to import, with reminders 60, 30 and 7 days before an
    end.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    with telling_errors():
        if file.is_dir():
            _tell_calendar(*_of_federation(Folder(file)), ical=ical)
            return
        ini = IniFile.read(file)
        part = chosen(ini, section)
        own = own_of_part(ini, part)
        host = urlsplit(own.public_url).hostname or ""
        events = _events(own, _endings(ini, part, own))
        _tell_calendar(own.entity_id, host, events, ical=ical)


def _tell_calendar(
    name: str, host: str, events: Iterable[Event], *, ical: bool
) -> None:
    coming = sorted(
        (one for one in events if one.at >= clock.now()),
        key=lambda one: (one.at, one.name),
    )
    if ical:
        click.echo(as_ical(name, host, coming), nl=False)
        return
    for event in coming:
        click.echo(printable(f"{_day(event.at)}  {event.text}"))


def _of_federation(folder: Folder) -> tuple[str, str, Iterator[Event]]:
    """Return the name and host of a federation, and its dates of expiry."""
    name = folder.options.name
    host = urlsplit(folder.options.publisher).hostname or name
    return name, host, map(_of_ending, endings_of(folder))


def _endings(ini: IniFile, part: Part, own: Own) -> Iterator[Expiry]:
    """The dates on which certificates end, ours in any case."""
    yield from key_endings(own.keys)
    options, federation = None, Membership()
    hubs: Sequence[str] = ()
    try:
        options = options_of_part(TrustOptions, ini, part)
        trust = _fetched(options)
        federation, hubs = trust.federation, trust.hub_ids
    except EiloginError as error:
        click.echo(
            f"cannot read the metadata, so the dates of others are missing: {error}",
            err=True,
        )
    if options is not None:
        yield from certificate_expiry.endings_of(options, own, federation, hubs)


def _fetched(options: TrustOptions) -> Trust:
    """The trusted entities by the metadata at its sources now, and by no older copy."""
    own, federation = own_of(options), federation_of(options)
    is_hub = own.role == HUB
    hubs = () if is_hub else hub_requirements.our_hubs(own, options.hub, federation)
    return Trust(own, federation, back_channel_of(options), hubs)


def _events(own: Own, endings: Iterable[Expiry]) -> Iterator[Event]:
    for key in own.keys if len(own.keys) > 1 else ():
        if key.signs:
            text = f"key {key.name} signs from now on; check before: eilogin keys ready"
            yield Event(key.begins, f"begins {key.name}", text, (7,))
        text = f"key {key.name} has ended: our metadata no longer contains it"
        yield Event(key.ends, f"ends {key.name}", text)
    yield from map(_of_ending, endings)


def _of_ending(ending: Expiry) -> Event:
    name = f"ends {ending.peer} {ending.name}"
    text = f"{ending.what} ends: {ending.cure}"
    # A signature lasts for days, and a certificate for years.
    reminders = (3, 1) if ending.option == "signed" else (60, 30, 7)
    return Event(ending.ends, name, text, reminders)


# --- ready ----------------------------------------------------------------------


@keys_command.command("ready", short_help="Check whether peers know our keys.")
@_of_a_site
@click.option(
    "--metadata-only", is_flag=True, help="Check only the metadata; ask no hub."
)
@click.option("--hub", "hubs", multiple=True, help="Ask only this hub (its entityID).")
def ready_command(
    ini: IniFile, part: Part, *, metadata_only: bool, hubs: tuple[str, ...]
) -> None:
    """Check whether peers know the keys of a site of FILE, the next key too.

    \b
        eilogin keys ready app.ini
        eilogin keys ready app.ini --metadata-only    without questions to hubs

    The command fetches the federation's metadata, which must contain each of our
    keys. Then it asks each of our hubs whether it has read that metadata: by a
    passive AuthnRequest that the key signs. That request signs nobody in, and no
    person sees it. One more request has a signature by an unknown key, to see whether
    the hub verifies signatures; the hub may log a refusal.

    The exit code is 0 if all peers know all keys. It is 1 if one key is not known, or
    if the command cannot find out.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    trust = _fetched(options_of_part(TrustOptions, ini, part))
    is_hub = trust.own.role == HUB
    asked = () if is_hub or metadata_only else hubs or trust.hub_ids
    if len(asked) > _MOST_ASKED:
        raise click.ClickException(
            f"there are {len(asked)} hubs, and eilogin asks at most "
            f"{_MOST_ASKED}; name some with --hub, or use --metadata-only"
        )
    if not _tell_ready(trust, [HubKeyProbe(trust, name) for name in asked]):
        raise SystemExit(1)


def _tell_ready(trust: Trust, hubs: Sequence[HubKeyProbe]) -> bool:
    """Print for each signing key who knows it; return whether all peers know all."""
    are_ready = True
    for key in trust.own.keys:
        if not key.signs or key.pair not in trust.own.published_keys:
            continue
        first = in_metadata(trust.own, trust.federation, key.pair)
        is_named = first.is_known is not False
        said = [hub.knows(key.pair) for hub in hubs] if is_named else []
        is_known = _together(first, said)
        are_ready = are_ready and is_known is True
        state = _state(trust.own.keys, key)
        click.echo(f"{key.name or 'key'} ({state}): {_VERDICTS[is_known]}")
        for finding in (first, *said):
            click.echo(f"  {finding.text}")
    return are_ready


def _together(first: Finding, of_hubs: Sequence[Finding]) -> bool | None:
    """Whether all know a key; if hubs have been asked, their answers decide."""
    said = {one.is_known for one in of_hubs or (first,)}
    if False in said:
        return False
    return None if None in said else True


_VERDICTS = {True: "ready", False: "NOT READY", None: "cannot find out"}
