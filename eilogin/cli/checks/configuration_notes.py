"""Notes on an ini file: settings that are no faults, but hardly intended.

A fault stops ``eilogin serve``; a note is only printed. Notes on what a pipeline lacks
are in :mod:`eilogin.cli.checks.pipeline_order`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from eilogin import config
from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.exposure_notes import behind_a_proxy, without_server
from eilogin.cli.checks.peer_capabilities import Known
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

#: The threads of a waitress whose section sets no number.
_THREADS = 4


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
    found += stores_apart(stacks, read)
    threads = _threads(servers)
    for part in parts:
        if part.entry_point is not None:
            found += _comments(part)
        options = read.get(part.title)
        if options is not None:
            found += _stated(part, options)
            found += behind_a_proxy(part, options, servers)
            found += _all_held(part, options, threads)
            found += _refused_before(part, options, servers)
            found += _all_as_one(part, options, servers)
    for stack in stacks:
        found += pipeline_notes(stack, read, known)
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


def _stated(part: Part, options: Options) -> Iterator[Note]:
    """Yield the notes of the options themselves, and on their pages, by topic."""
    found = [*options.notes(), *_untranslated(options)]
    for note in sorted(found, key=attrgetter("topic")):
        yield Note.at(part, note.option, note.text, note.code)


def _all_held(part: Part, options: Options, threads: int) -> Iterator[Note]:
    """Note limits with which peers that do not answer can hold every thread."""
    for name in options.thread_limits():
        most = getattr(options, name)
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


def _untranslated(options: Options) -> Iterator[OptionNote]:
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
            yield OptionNote("templates", text, "untranslated", Topic.PAGES)
