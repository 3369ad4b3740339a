"""Notes on an ini file: settings that are no faults, but hardly intended.

A fault stops ``eilogin serve``; a note is only printed. Notes on what a pipeline lacks
are in :mod:`eilogin.cli.checks.pipeline_order`.
"""

import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from eilogin import clock, config
from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.exposure_notes import exposures, without_server
from eilogin.cli.checks.peer_capabilities import Known
from eilogin.cli.inifiles import entry_points
from eilogin.cli.inifiles.ini_pipelines import Part, Pipelines, Stack
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.serving import server_limits
from eilogin.config import UNIX, Options, did_you_mean
from eilogin.errors import LOGOUT_IMPOSSIBLE
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.local.local_options import OwnOptions
from eilogin.federation.members.trust_options import TrustOptions, is_on_loopback
from eilogin.filters.identity_options import IdentityOptions
from eilogin.filters.login_options import LoginOptions
from eilogin.filters.session import SessionOptions
from eilogin.hub.hub_options import HubOptions
from eilogin.hub.participants.attribute_release import WORDS, is_entity
from eilogin.hub.signin.citizens import ATTRIBUTES
from eilogin.participant.digid_profile import TEXTS
from eilogin.participant.subject_names import NAME_ID
from eilogin.saml.assurance_levels import LEVELS
from eilogin.stores.sqlite import mounts
from eilogin.stores.store_locations import file_of, is_in_process
from eilogin.web.pages.themes import languages_of
from eilogin.web.pages.translations import LANGUAGES, untranslated

#: Options whose files are for the server's user alone: those that are a path, and
#: those of which each line may be ``file:PATH``.
_SECRET_FILES = ("key", "keys", "tls_client_key", "citizens")
_SECRETS = ("secret", "name_id_key", "pseudonym_key", "store")

#: RFC 9110 9.3, RFC 5789 and RFC 4918 9.
_METHODS = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
    *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"),
)

#: Options that say how many threads may wait for another server.
_HOLD_THREADS = ("artifacts_at_once", "logouts_at_once")
#: The threads of a waitress whose section sets no number.
_THREADS = 4

_MINUTE = 60
#: Days after which a statement is old.
_YEAR = 366
_LONGEST_TO_WARN_OF = 20 * 3600

#: File systems that are gone when the machine stops.
_IN_MEMORY = ("tmpfs", "ramfs")


def notes(
    file: IniFile,
    parts: Sequence[Part],
    stacks: Sequence[Stack],
    read: Mapping[str, Options],
    known: Mapping[str, Known],
) -> list[Note]:
    """Every note on a file.

    ``read`` holds the options of each valid section, and ``known`` the entities that a
    section trusts; both by title.
    """
    found = [*_of_no_effect(file, parts), *_unreached(file, parts, stacks)]
    servers = list(map(Pipelines(file).part, file.of_kind("server")))
    found += [*without_server(file), *_without_limits(servers)]
    found += _stores_apart(stacks, read)
    threads = _threads(servers)
    for part in parts:
        if part.entry_point is not None:
            found += _comments(part)
        options = read.get(part.title)
        if options is not None:
            found += [*_in_one(part, options), *_open_files(file, part, options)]
            found += exposures(part, options, servers)
            found += _all_held(part, options, threads)
            found += _refused_before(part, options, servers)
            found += _all_as_one(part, options, servers)
    for stack in stacks:
        found += [
            *_out_of_reach(stack, read),
            *_not_asked_for(stack, read),
            *_of_any_hub(stack, read),
            *_like_users_of_zope(stack, read),
        ]
        found += [*_strangers(stack, read, known), *_alone(stack, known)]
    # One filter may stand in several pipelines.
    return list(dict.fromkeys(found))


def _of_no_effect(file: IniFile, parts: Sequence[Part]) -> Iterator[Note]:
    names = {part.entry_point for part in parts}
    known = {
        option
        for name, declared in entry_points.declared().items()
        if name in names
        for option in declared.model_fields
    }
    for name in file.unused:
        if name in known:
            text = "has no effect here; write it in the section of the filter"
            yield Note("DEFAULT", name, text, "no-effect")


def _unreached(
    file: IniFile, parts: Sequence[Part], stacks: Sequence[Stack]
) -> Iterator[Note]:
    """Note filters of ours that are around no application."""
    reached = {part.title for stack in stacks for part in stack.parts}
    # A filter's section that `use` names has its effect in the section that uses it.
    used = {one.values.get("use", "") for one in file.of_kind("filter", "filter-app")}
    for part in parts:
        is_ours = part.kind == "filter" and part.entry_point is not None
        if not is_ours or part.title in reached:
            continue
        if file.sections[part.title].name not in used:
            text = "is in no pipeline, so it has no effect"
            yield Note(part.title, "", text, "no-effect")


def _comments(part: Part) -> Iterator[Note]:
    for option, value in part.options.items():
        # The other mark is a fault; this one may be meant, as in "Desk #1".
        if config.comment_in(value) == " #":
            yield Note.at(part, option, f"found ' #'{config.no_comments(value)}")


def _threads(servers: Iterable[Part]) -> int:
    """The most threads of one server; 0 without waitress."""
    # Another server has them on its command line. A fault is reported already.
    said = (
        one.options.get("threads", f"{_THREADS}").strip()
        for one in servers
        if one.distribution == "waitress"
    )
    return max((int(text) for text in said if text.isdecimal()), default=0)


def _without_limits(servers: Iterable[Part]) -> Iterator[Note]:
    """Note that a server sets no limit on the bodies and connections of anyone."""
    for server in servers:
        is_first = server.title == "server:main" and server.distribution == "waitress"
        if is_first and (text := server_limits.missing_in(server.options)):
            yield Note(server.title, "", text, "no-limits")


# --- one section ----------------------------------------------------------------


def _all_held(part: Part, options: Options, threads: int) -> Iterator[Note]:
    """Note limits with which peers that do not answer can hold every thread."""
    for name in _HOLD_THREADS:
        most = getattr(options, name, 0)
        if threads and most >= threads:
            yield Note.at(
                part,
                name,
                f"{most}, and no server has more than {threads} threads, so a "
                "peer that hangs holds them all; expected fewer",
            )


def _refused_before(
    part: Part, options: Options, servers: Iterable[Part]
) -> Iterator[Note]:
    """Note that every server refuses bodies of a size that ``keep_post`` keeps."""
    kept = getattr(options, "keep_post", 0)
    said = [
        one.options.get("max_request_body_size", "").strip()
        for one in servers
        if one.distribution == "waitress"
    ]
    # Without the option waitress accepts bodies of up to a gigabyte.
    if said and all(text.isdecimal() and int(text) <= kept for text in said):
        most = max(map(int, said))
        yield Note.at(
            part,
            "keep_post",
            f"keeps forms of up to {kept} bytes, but no server accepts a body of "
            f"more than {most} bytes (max_request_body_size); expected a larger "
            "max_request_body_size, or a smaller keep_post",
        )


def _all_as_one(
    part: Part, options: Options, servers: Iterable[Part]
) -> Iterator[Note]:
    """Note that all visitors have one address, without an option for the real one."""
    if not isinstance(options, TrustOptions) or UNIX in options.trusted_proxies:
        return
    for server in servers:
        # `unix_socket` is an option of waitress, `bind` one of gunicorn.
        bound = server.options.get("bind", "")
        if "unix_socket" in server.options or bound.startswith("unix:"):
            yield Note.at(
                part,
                "trusted_proxies",
                f"[{server.title}] is a Unix socket, so its clients have no "
                "address and count as one client network; expected 'unix', if "
                "your proxy connects there",
            )


def _in_one(part: Part, options: Options) -> Iterator[Note]:
    if isinstance(options, SessionOptions):
        if options.idle > options.max_session:
            yield Note.at(
                part,
                "idle",
                f"is longer than 'max_session' ({options.max_session:g} s), so it "
                "has no effect",
            )
        if _is_in_memory(options.store):
            yield Note.at(
                part,
                "store",
                "is on a file system in memory, so a restart of the machine deletes it",
            )
        yield from _without_units(part)
    if isinstance(options, HubOptions) and options.sign_in == "own":
        yield from _of_nobody(part, options)
    if isinstance(options, TrustOptions) and any(
        network.prefixlen == 0 for network in options.trusted_proxies
    ):
        yield Note.at(
            part,
            "trusted_proxies",
            "trusts every address, so a visitor can forge their address with "
            "X-Forwarded-For; expected only the address of the proxy, such as "
            "127.0.0.1",
        )
    if isinstance(options, TrustOptions) and options.profile == "digid":
        yield from _without_certificates(part, options)
    if isinstance(options, LoginOptions):
        yield from _odd_methods(part)
        yield from _odd_values(part)
        yield from _odd_texts(part)
    yield from _old_statement(part, options)
    yield from _untranslated(part, options)
    yield from _without_logout(part, options)


def _old_statement(part: Part, options: Options) -> Iterator[Note]:
    """Note an accessibility statement that is more than a year old."""
    day = options.accessibility_date if isinstance(options, OwnOptions) else None
    if day is not None and (clock.utc(clock.now()).date() - day).days > _YEAR:
        text = "is more than a year ago; review the accessibility statement"
        yield Note.at(part, "accessibility_date", text)


def _untranslated(part: Part, options: Options) -> Iterator[Note]:
    """Note languages of a site whose catalogue lacks sentences of the pages."""
    folder = options.templates if isinstance(options, OwnOptions) else None
    if folder is None:
        return
    for language in languages_of(folder):
        # Catalogues of our own languages replace some sentences, and need no more.
        is_further = language not in LANGUAGES
        count, total = untranslated(folder / f"{language}.po") if is_further else (0, 0)
        if count:
            text = (
                f"'{language}.po' leaves {count} of {total} sentences untranslated;"
                " pages in that language have them in English"
            )
            yield Note.at(part, "templates", text, "untranslated")


def _without_units(part: Part) -> Iterator[Note]:
    """Note a number without a unit, which means seconds."""
    for option in ("idle", "max_session"):
        value = part.options.get(option, "").strip()
        if value.isdecimal() and int(value) < _MINUTE:
            text = f"{value} is {value} seconds; for minutes, write '{value}m'"
            yield Note.at(part, option, text)


def _of_nobody(part: Part, options: HubOptions) -> Iterator[Note]:
    """Note attributes to release that no citizen of ours can have."""
    known = (*ATTRIBUTES, *WORDS)
    for name in dict.fromkeys(n for names in options.release.values() for n in names):
        if name not in known:
            hint = did_you_mean(name, known)
            text = f"{name!r} is no attribute of the hub's citizens{hint}"
            yield Note.at(part, "release", text)


def _without_certificates(part: Part, options: TrustOptions) -> Iterator[Note]:
    """Note settings that DigiD's own back channel needs, unless on a laptop."""
    if options.role == HUB:
        return
    if options.pseudonym_key is None:
        text = (
            "'subject' depends on 'key', so the application will not recognise "
            "its citizens after the next key; expected a pseudonym_key"
        )
        yield Note.at(part, "pseudonym_key", text)
    if is_on_loopback(options):
        return
    if options.tls_client_key is None:
        text = (
            "DigiD's back channel rejects a client without a certificate; expected "
            "one of PKIoverheid"
        )
        yield Note.at(part, "tls_client_certificate", text)
    if options.back_channel_ca is None:
        text = (
            "DigiD's back channel has a certificate of the private root of "
            "PKIoverheid, which this system does not know; expected a file with "
            "that root"
        )
        yield Note.at(part, "back_channel_ca", text)


def _without_logout(part: Part, options: Options) -> Iterator[Note]:
    """Note sessions that single logout cannot reach, because they have no NameID."""
    impossible = f"single logout is impossible ({LOGOUT_IMPOSSIBLE})"
    if isinstance(options, LoginOptions) and options.subject != (NAME_ID,):
        told = "if an attribute identifies the visitor, and the hub sends no NameID,"
        yield Note.at(part, "subject", f"{told} {impossible}", LOGOUT_IMPOSSIBLE)
    if isinstance(options, HubOptions):
        for name in options.nameless:
            told = f"{name!r} gets no NameID, so for its sessions"
            yield Note.at(part, "nameless", f"{told} {impossible}", LOGOUT_IMPOSSIBLE)


def _is_in_memory(store: str) -> bool:
    try:
        table = mounts.MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return False
    file = file_of(store)
    kind = None if file is None else mounts.file_system_of(file.resolve(), table)
    return kind in _IN_MEMORY


def _odd_methods(part: Part) -> Iterator[Note]:
    told = re.findall(r"\smethods=(\S+)", part.options.get("protect", ""))
    for name in dict.fromkeys(",".join(told).split(",")):
        if name and name not in _METHODS:
            hint = did_you_mean(name, _METHODS)
            text = f"found methods={name}, which is no standard method of HTTP{hint}"
            yield Note.at(part, "protect", text)


def _odd_values(part: Part) -> Iterator[Note]:
    """Note a comma that was perhaps meant to separate two values of an attribute."""
    lines = part.options.get("protect", "")
    told = re.findall(r"\s([^\s=/][^\s=]*)=(\S*,\S*)", lines)
    for name, value in dict.fromkeys(told):
        if name != "methods":
            text = f"{name}={value} means one value; for several write"
            yield Note.at(part, "protect", f"{text} {name}={value.replace(',', '|')}")


def _odd_texts(part: Part) -> Iterator[Note]:
    """Note a single word in place of a text, which a visitor would read as it is."""
    text = part.options.get("error_text", "").strip()
    if text and " " not in text and text not in TEXTS:
        hint = did_you_mean(text, TEXTS)
        yield Note.at(part, "error_text", f"visitors see only the text {text!r}{hint}")


# --- who may read it ------------------------------------------------------------


def _open_files(file: IniFile, part: Part, options: Options) -> Iterator[Note]:
    """Note files with secrets that others than their owner may read or write."""
    for option, path in _files(file, part, options):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            text = (
                f"users other than the owner can read or write {path} (mode "
                f"{mode:04o}):"
            )
            yield Note.at(part, option, f"{text} chmod 600", "open-file")


def _files(file: IniFile, part: Part, options: Options) -> Iterator[tuple[str, Path]]:
    for option in _SECRET_FILES:
        path = getattr(options, option, None)
        if isinstance(path, Path):
            yield from ((option, one) for one in _keys_at(path))
    for option in _SECRETS:
        for line in config.split(part.options.get(option, "")):
            if line.startswith("file:"):
                name = line.removeprefix("file:").strip()
                yield option, file.path.absolute().parent / name
    if isinstance(options, SessionOptions) and (place := file_of(options.store)):
        yield "store", place


def _keys_at(path: Path) -> Sequence[Path]:
    """A file with a key, or those of a folder."""
    return sorted(path.glob("*.key")) if path.is_dir() else [path]


def _stores_apart(
    stacks: Sequence[Stack], read: Mapping[str, Options]
) -> Iterator[Note]:
    """Note that a section makes several stores in memory, one for each pipeline."""
    made: dict[str, set[tuple[str, ...]]] = {}
    parts: dict[str, Part] = {}
    for stack in stacks:
        # PasteDeploy makes one filter for each path that leads to it.
        way: tuple[str, ...] = (stack.title,)
        for part in stack.parts:
            options = read.get(part.title)
            if isinstance(options, SessionOptions) and is_in_process(options.store):
                parts[part.title] = part
                made.setdefault(part.title, set()).add(way)
            way = (*way, part.title, part.branch)
    for title, ways in made.items():
        if len(ways) > 1:
            text = (
                f"found 'memory:' in {len(ways)} pipelines, which do not share "
                "their sessions. A login in one of them does not count in "
                "another; expected a shared store, such as "
                "sqlite:///%(here)s/sessions.db, or one pipeline around all "
                "applications"
            )
            yield Note.at(parts[title], "store", text, "stores-apart")


# --- a pipeline -----------------------------------------------------------------


def _out_of_reach(stack: Stack, read: Mapping[str, Options]) -> Iterator[Note]:
    """Note limits of ``login`` that the shorter limits of ``session`` make void."""
    here = [(part, read.get(part.title)) for part in stack.parts]
    session = next((one for _, one in here if isinstance(one, SessionOptions)), None)
    if session is None:
        return
    ends = min(session.idle, session.max_session)
    for part, login in here:
        if not isinstance(login, LoginOptions):
            continue
        if any(limit > ends for limit in login.protect.idle_limits):
            yield Note.at(
                part,
                "protect",
                f"an idle= is longer than the idle time of the session ({ends:g} "
                "s), so it has no effect",
            )
        yield from _warning_times(part, login, session)


def _warning_times(
    part: Part, login: LoginOptions, session: SessionOptions
) -> Iterator[Note]:
    """Note that no page warns before its session ends, or later than it says."""
    if login.warn is None:
        # WCAG 2.2.1 exempts limits that are longer.
        if min(session.idle, session.max_session) <= _LONGEST_TO_WARN_OF:
            text = (
                "eilogin signs visitors out without a warning, which fails WCAG "
                "2.2.1 (level A); expected a time such as 2m"
            )
            yield Note.at(part, "warn", text, "no-warning")
    # Nobody wrote the default.
    elif "warn" in login.model_fields_set and login.warn > session.idle / 2:
        yield Note.at(
            part,
            "warn",
            f"is more than half of 'idle' ({session.idle:g} s), so eilogin warns "
            "when half of 'idle' is over",
        )


def _trust_of(stack: Stack, read: Mapping[str, Options]) -> TrustOptions | None:
    found = (read.get(part.title) for part in stack.parts)
    return next((one for one in found if isinstance(one, TrustOptions)), None)


def _of_any_hub(stack: Stack, read: Mapping[str, Options]) -> Iterator[Note]:
    """Note what any one of several hubs can claim for its visitors."""
    trust = _trust_of(stack, read)
    if trust is None or not (len(trust.hub) > 1 or trust.hub == ("all",)):
        return
    for part in stack.parts:
        options = read.get(part.title)
        if isinstance(options, LoginOptions):
            for text in _said_by_any(options):
                yield Note.at(part, "protect", f"{text}; do you mean that?")
        if isinstance(options, IdentityOptions):
            for word in part.options.get("user", "").split():
                if word != "subject":
                    text = (
                        f"{word}: each hub can send any value here, also one of "
                        "another hub's visitor; 'subject' separates the visitors "
                        "of different hubs"
                    )
                    yield Note.at(part, "user", text)


def _like_users_of_zope(stack: Stack, read: Mapping[str, Options]) -> Iterator[Note]:
    """Note names that a user of Zope's own could have too."""
    if not (stack.parts and stack.parts[-1].is_zope):
        return
    for part in stack.parts:
        options = read.get(part.title)
        if isinstance(options, IdentityOptions) and not options.user_prefix:
            for word in part.options.get("user", "").split():
                if word.startswith("attribute:"):
                    text = (
                        f"{word}: a visitor whose name is that of a user in Zope "
                        "becomes that user; expected 'subject', or a "
                        "'user_prefix' such as 'burger-'"
                    )
                    yield Note.at(part, "user", text)


def _said_by_any(options: LoginOptions) -> Iterator[str]:
    """The rules of ``protect`` that any one of several hubs can satisfy."""
    levels = [level for level in LEVELS[1:] if level in options.protect.levels]
    if levels:
        yield f"each of the hubs can claim {' or '.join(levels)} for its visitors"
    for name in sorted(options.protect.attributes):
        yield f"each of the hubs can send {name!r}, and so let its visitors in"


def _not_asked_for(stack: Stack, read: Mapping[str, Options]) -> Iterator[Note]:
    """Note attributes that a filter needs, and our metadata does not request."""
    here = [(part, read.get(part.title)) for part in stack.parts]
    trust = _trust_of(stack, read)
    if trust is None or not trust.requested_attributes:
        # Without a request, a hub may send any attributes.
        return
    asked = {attribute.name for attribute in trust.requested_attributes}
    for part, login in here:
        if not isinstance(login, LoginOptions):
            continue
        used = {
            "protect": login.protect.attributes,
            "require_attributes": login.require_attributes,
        }
        for name, attributes in used.items():
            for attribute in sorted(set(attributes) - asked):
                text = f"{attribute!r} is not in requested_attributes; will the hub"
                yield Note.at(part, name, f"{text} tell it?")


def _alone(stack: Stack, known: Mapping[str, Known]) -> Iterator[Note]:
    """Note a hub without participants."""
    for part in stack.parts:
        here = known.get(part.title)
        if here is None or here.own.role != HUB:
            continue
        if not any(entity.service_provider for entity in here.federation.entities):
            text = (
                "the metadata has no participant, so no visitor can come here to log in"
            )
            yield Note.at(part, "federation", text)


def _strangers(
    stack: Stack, read: Mapping[str, Options], known: Mapping[str, Known]
) -> Iterator[Note]:
    """Note entities in options of the hub that its federation does not contain."""
    trusted = [known[part.title] for part in stack.parts if part.title in known]
    hub = stack.parts[-1] if stack.parts else None
    options = read.get(hub.title) if hub else None
    if hub is None or not trusted or not isinstance(options, HubOptions):
        return
    named = {
        "passed_on_to": options.passed_on_to,
        "nameless": options.nameless,
        "logout_binding": [who for who in options.logout_binding if is_entity(who)],
        # Beside entityIDs there are '*' and categories.
        "release": [name for name in options.release if is_entity(name)],
        "sign": [who for who in options.sign if is_entity(who)],
        "encrypt": [who for who in options.encrypt if is_entity(who)],
        "sectors": [name for name in options.sectors if is_entity(name)],
        "inactive": options.inactive,
    }
    # If a hub is behind another one, its own filters come last.
    members = [entity.entity_id for entity in trusted[-1].federation.entities]
    for option, names in named.items():
        for name in names:
            if name not in members:
                hint = did_you_mean(name, members)
                text = f"{name!r} is no member of the federation{hint}"
                yield Note.at(hub, option, text)
