"""Notes on settings of an ini file that are no faults, but hardly intended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from eilogin import config
from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.exposure_notes import behind_a_proxy, without_server
from eilogin.cli.checks.peer_capabilities import CheckedTrust
from eilogin.cli.checks.pipeline_notes import pipeline_notes, stores_apart
from eilogin.cli.inifiles import entry_points
from eilogin.cli.inifiles.ini_pipelines import Part, Pipelines, Stack
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.serving import server_limits
from eilogin.config import UNIX, OptionNote, Options, Topic
from eilogin.federation.local.local_options import OwnOptions
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.web.pages.themes import languages_of
from eilogin.web.pages.translations import LANGUAGES, untranslated

#: The default of waitress.
_THREADS = 4


def file_notes(
    file: IniFile,
    parts: Sequence[Part],
    stacks: Sequence[Stack],
    options_by_section: Mapping[str, Options],
    trust_by_section: Mapping[str, CheckedTrust],
) -> list[Note]:
    """Return every note on a file; ``options_by_section`` has the valid sections."""
    notes = [*_ineffective_defaults(file, parts), *_unreached(file, parts, stacks)]
    servers = list(map(Pipelines(file).part, file.of_kind("server")))
    notes += [*without_server(file), *_without_limits(servers)]
    notes += stores_apart(stacks, options_by_section)
    threads = _threads(servers)
    for part in parts:
        if part.entry_point is not None:
            notes += _possible_comments(part)
        options = options_by_section.get(part.title)
        if options is not None:
            notes += _option_notes(part, options)
            notes += behind_a_proxy(part, options, servers)
            notes += _exhaustible_threads(part, options, threads)
            notes += _undersized_bodies(part, options, servers)
            notes += _shared_addresses(part, options, servers)
    for stack in stacks:
        notes += pipeline_notes(stack, options_by_section, trust_by_section)
    # One filter may stand in several pipelines.
    return list(dict.fromkeys(notes))


def _ineffective_defaults(file: IniFile, parts: Sequence[Part]) -> Iterator[Note]:
    names = {part.entry_point for part in parts}
    options = {
        option
        for name in names
        if (declared := entry_points.options_of(name))
        for option in declared.model_fields
    }
    for name in file.unused:
        if name in options:
            text = "has no effect here; write it in the section of the filter"
            yield Note("DEFAULT", name, text, "no-effect")


def _unreached(
    file: IniFile, parts: Sequence[Part], stacks: Sequence[Stack]
) -> Iterator[Note]:
    reached = {part.title for stack in stacks for part in stack.parts}
    # A section that `use` names has its effect in the section that uses it.
    used_names = {
        section.values.get("use", "")
        for section in file.of_kind("filter", "filter-app")
    }
    for part in parts:
        is_ours = part.kind == "filter" and part.entry_point is not None
        if not is_ours or part.title in reached:
            continue
        if file.sections[part.title].name not in used_names:
            text = "is in no pipeline, so it has no effect"
            yield Note(part.title, "", text, "no-effect")


def _possible_comments(part: Part) -> Iterator[Note]:
    for option, value in part.options.items():
        # " ;" is a fault; " #" may be intended, as in "Desk #1".
        if config.comment_in(value) == " #":
            yield Note.at(part, option, f"found ' #'{config.no_comments(value)}")


def _threads(servers: Iterable[Part]) -> int:
    """Return the most threads of one waitress, or 0 without waitress."""
    # Other servers set them on the command line. A fault is reported already.
    counts = (
        server.options.get("threads", f"{_THREADS}").strip()
        for server in servers
        if server.distribution == "waitress"
    )
    return max((int(count) for count in counts if count.isdecimal()), default=0)


def _without_limits(servers: Iterable[Part]) -> Iterator[Note]:
    for server in servers:
        is_first = server.title == "server:main" and server.distribution == "waitress"
        if is_first and (text := server_limits.missing_in(server.options)):
            yield Note(server.title, "", text, "no-limits")


def _option_notes(part: Part, options: Options) -> Iterator[Note]:
    notes = [*options.notes(), *_untranslated(options)]
    for note in sorted(notes, key=attrgetter("topic")):
        yield Note.at(part, note.option, note.text, note.code)


def _exhaustible_threads(part: Part, options: Options, threads: int) -> Iterator[Note]:
    """Note limits at which peers that do not answer can block every thread."""
    for name in options.options_with_thread_limits():
        limit = getattr(options, name)
        if threads and limit >= threads:
            yield Note.at(
                part,
                name,
                f"{limit}, and no server has more than {threads} threads, so a "
                "peer that hangs holds them all; expected fewer",
            )


def _undersized_bodies(
    part: Part, options: Options, servers: Iterable[Part]
) -> Iterator[Note]:
    """Note ``keep_post`` above the largest body that every server accepts."""
    form_limit = getattr(options, "keep_post", 0)
    sizes = [
        server.options.get("max_request_body_size", "").strip()
        for server in servers
        if server.distribution == "waitress"
    ]
    # Without the option waitress accepts bodies of up to a gigabyte.
    if sizes and all(size.isdecimal() and int(size) <= form_limit for size in sizes):
        largest = max(map(int, sizes))
        yield Note.at(
            part,
            "keep_post",
            f"keeps forms of up to {form_limit} bytes, but no server accepts a body of "
            f"more than {largest} bytes (max_request_body_size); expected a larger "
            "max_request_body_size, or a smaller keep_post",
        )


def _shared_addresses(
    part: Part, options: Options, servers: Iterable[Part]
) -> Iterator[Note]:
    """Note a Unix socket, where all visitors have one address without ``unix``."""
    if not isinstance(options, TrustOptions) or UNIX in options.trusted_proxies:
        return
    for server in servers:
        # `unix_socket` is an option of waitress, `bind` one of gunicorn.
        address = server.options.get("bind", "")
        if "unix_socket" in server.options or address.startswith("unix:"):
            yield Note.at(
                part,
                "trusted_proxies",
                f"[{server.title}] is a Unix socket, so its clients have no "
                "address and count as one client network; expected 'unix', if "
                "your proxy connects there",
            )


def _untranslated(options: Options) -> Iterator[OptionNote]:
    """Note added languages whose catalogue lacks sentences of the pages."""
    folder = options.templates if isinstance(options, OwnOptions) else None
    if folder is None:
        return
    for language in languages_of(folder):
        # A catalogue for a language of eilogin only replaces some sentences.
        is_added = language not in LANGUAGES
        count, total = untranslated(folder / f"{language}.po") if is_added else (0, 0)
        if count:
            text = (
                f"'{language}.po' leaves {count} of {total} sentences untranslated;"
                " pages in that language have them in English"
            )
            yield OptionNote("templates", text, "untranslated", Topic.PAGES)
