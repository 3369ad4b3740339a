"""The faults of one pipeline: its filters, their order, and its role."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from eilogin.cli.checks.check_notes import Note
from eilogin.cli.inifiles.ini_pipelines import Part, Stack
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.config import Options
from eilogin.federation.local.local_entity import (
    ADDRESSES,
    HUB,
    PARTICIPANT,
    script_names,
)
from eilogin.federation.local.local_options import OwnOptions, prefix_of
from eilogin.federation.local.profiles import PROFILES
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.filters.login_options import LoginOptions
from eilogin.filters.session_options import SessionOptions
from eilogin.hub.hub_options import HubOptions, contradictions
from eilogin.participant.policy.strictest_rule import OFF, OPTIONAL
from eilogin.web.composition import MOUNT_CURE, lacks
from eilogin.web.pipeline_parts import (
    MAIN,
    PipelinePart,
    filters,
    needed_before,
    order,
    provided,
)

#: The hub's addresses that need no visitor who is signed in.
_OF_SERVERS = ("metadata", "artifact", "slo_soap", "health", "metrics")


def check_stack(file: IniFile, stack: Stack, read: Mapping[str, Options]) -> None:
    """Note what is wrong with the filters around one application.

    ``read`` has the options of each section that has them, by its title.
    """
    around = _around_hub_inside(stack, read)
    if around is not None:
        _check_before_hub(file, *around, read)
        stack = replace(stack, parts=around[1])
    _check_order(file, stack)
    _check_as_when_loaded(file, stack, read)
    _check_use(file, stack)
    hubs = [part for part in stack.parts if _has_role(part, HUB)]
    theirs = [part for part in stack.parts if _has_role(part, PARTICIPANT)]
    _check_own(file, stack, read, hubs, theirs)
    _check_levels(file, stack, read)
    _check_path_style(file, stack, read)
    # A hub could only be there if they signed visitors in for it, and they do not.
    for part in theirs if hubs else ():
        expected = (
            f"is a filter for participants, so it cannot be before [{hubs[0].title}]"
        )
        file.note(part.title, "", "", expected)


def _check_own(
    file: IniFile,
    stack: Stack,
    read: Mapping[str, Options],
    hubs: Sequence[Part],
    theirs: Sequence[Part],
) -> None:
    """Check that the other parts fit the role and the profile of our own entity."""
    owns = [
        (part.title, options)
        for part in stack.parts
        if isinstance(options := read.get(part.title), OwnOptions)
    ]
    for title, own in owns:
        if bool(hubs) != bool(theirs):
            _check_role(file, title, own, HUB if hubs else PARTICIPANT)
        for hub in hubs:
            _check_hub(file, hub, read.get(hub.title), own)
    if not hubs and any(PROFILES[own.profile].restricts_filters for _, own in owns):
        for part in stack.parts:
            _check_profile(file, part, read.get(part.title))


def _check_as_when_loaded(
    file: IniFile, stack: Stack, read: Mapping[str, Options]
) -> None:
    """Note the faults that filters refuse at their start or at each request."""
    for name, part in _lacking(stack).items():
        file.note(part.title, "", "", lacks(name))
    script = ""
    for part in stack.parts:
        own = read.get(part.title)
        script += part.mount
        if isinstance(own, OwnOptions) and script not in script_names(own.public_url):
            expected = (
                f"a composite mounts it below {script!r}; expected that path at "
                "the end of public_url, because the hub sends its answers there; "
                f"{MOUNT_CURE}"
            )
            file.note(part.title, "public_url", repr(own.public_url), expected)


def _check_use(file: IniFile, stack: Stack) -> None:
    """Check that each section has `use`: PasteDeploy refuses one without."""
    for part in stack.parts:
        section = file.sections.get(part.title)
        if section is None or part.use or "use" in section.values:
            continue
        if not any(option.startswith("paste.") for option in section.values):
            expected = "is required; expected a value such as egg:PROJECT#NAME"
            file.note(part.title, "use", "", expected)


def check_unused(file: IniFile, parts: Sequence[Part], stacks: Sequence[Stack]) -> None:
    """Note a filter that guards nothing, where an application has no filter of ours."""
    reached = {part.title for stack in stacks for part in stack.parts}
    used = {one.values.get("use", "") for one in file.of_kind("filter", "filter-app")}
    is_open = [stack.parts[-1].title for stack in stacks if _is_unguarded(stack)]
    for part in parts:
        name = part.title.partition(":")[2]
        is_guard = part.kind == "filter" and part.entry_point in (MAIN, "login")
        if is_open and is_guard and part.title not in reached and name not in used:
            expected = (
                "is in no pipeline, and no filter of eilogin is before "
                f"[{is_open[0]}]; expected 'filter-with = {name}' there, or "
                f"'{name}' in its pipeline; or remove this section"
            )
            file.note(part.title, "", "", expected, "unguarded")


def _is_unguarded(stack: Stack) -> bool:
    return bool(stack.parts) and not any(map(_provided, stack.parts))


def _check_levels(file: IniFile, stack: Stack, read: Mapping[str, Options]) -> None:
    """Check that a hub can state each level that a path needs."""
    here = [(part, read.get(part.title)) for part in stack.parts]
    for _, trust in here:
        for part, login in here:
            if isinstance(trust, TrustOptions) and isinstance(login, LoginOptions):
                fault = login.protect.beyond(trust.level_classes)
                if fault:
                    file.note(part.title, "protect", "", fault)


def _check_path_style(file: IniFile, stack: Stack, read: Mapping[str, Options]) -> None:
    """Check that paths are read as Zope reads them, if Zope is the application."""
    app = stack.parts[-1] if stack.parts else None
    if app is None or not app.is_zope:
        return
    for part in stack.parts:
        trust = read.get(part.title)
        if isinstance(trust, TrustOptions) and trust.path_style == "plain":
            expected = (
                f"expected 'zope': [{app.title}] is Zope, which finds a page "
                "under several paths too (/news/private is /private), so a line "
                "of 'protect' would not hold"
            )
            file.note(part.title, "path_style", "'plain'", expected)


def _around_hub_inside(
    stack: Stack, read: Mapping[str, Options]
) -> tuple[Sequence[Part], Sequence[Part]] | None:
    """The filters before a hub that signs in above, and it with its own filters.

    None for all other applications.
    """
    parts = stack.parts
    # Read it from the section, because other options of the hub may be wrong.
    if not parts or parts[-1].entry_point != "hub":
        return None
    if parts[-1].options.get("sign_in", "").strip() != "above":
        return None
    own = [i for i, part in enumerate(parts) if part.entry_point == "session"]
    start = own[-1] if own else 0
    return parts[:start], parts[start:]


def _check_before_hub(
    file: IniFile,
    outer: Sequence[Part],
    inner: Sequence[Part],
    read: Mapping[str, Options],
) -> None:
    """Check that the part before a hub that signs in above is a whole participant."""
    _check_order(file, Stack("", outer))
    here = {one.eilogin_part for part in outer for one in _provided(part)}
    missing = [name for name in ("login", "logout") if name not in here]
    if missing:
        needed = f"needs {_quoted(missing)} of a participant before its own filters"
        file.note(inner[-1].title, "sign_in", "'above'", needed)
    _check_cookies(file, [*outer, *inner], read)
    for part in outer:
        own = read.get(part.title)
        if isinstance(own, OwnOptions):
            _check_role(file, part.title, own, PARTICIPANT)
            if own.hub_inside is None:
                expected = f"expected the prefix of [{inner[-1].title}], such as '/'"
                file.note(part.title, "hub_inside", "", expected)
    for part in inner:
        hub = read.get(part.title)
        if isinstance(hub, OwnOptions):
            _check_leads_inside(file, outer, read, part.title, hub)


def _check_cookies(
    file: IniFile, parts: Sequence[Part], read: Mapping[str, Options]
) -> None:
    cookies: dict[str, str] = {}
    for part in parts:
        options = read.get(part.title)
        if isinstance(options, SessionOptions):
            other = cookies.setdefault(options.cookie, part.title)
            if other != part.title:
                expected = f"expected another name than that of [{other}]"
                file.note(part.title, "cookie", repr(options.cookie), expected)


def _check_leads_inside(
    file: IniFile,
    outer: Sequence[Part],
    read: Mapping[str, Options],
    title: str,
    hub: OwnOptions,
) -> None:
    """Check that a participant knows the hub inside, and admits every visitor to it.

    ``hub`` are the options, in the section ``title``, that say where it is.
    """
    prefix = prefix_of(hub)
    for part in outer:
        options = read.get(part.title)
        if isinstance(options, OwnOptions) and options.hub_inside not in (None, prefix):
            expected = f"expected {prefix or '/'!r}, the prefix of [{title}]"
            file.note(
                part.title, "hub_inside", repr(options.hub_inside or "/"), expected
            )
        if isinstance(options, LoginOptions):
            _check_lets_in(file, part, options, hub)


def _check_lets_in(
    file: IniFile, part: Part, login: LoginOptions, hub: OwnOptions
) -> None:
    """Check that a participant admits every visitor to the hub inside.

    The hub does the login. A level there redirects visitors before the hub has seen who
    sent them; with ``off`` the hub never sees the visitor.
    """
    below = urlsplit(hub.public_url).path + prefix_of(hub)
    for name, path in ADDRESSES[HUB].items():
        fine = (OFF, OPTIONAL) if name in _OF_SERVERS else (OPTIONAL,)
        for method in ("GET", "POST"):
            need = login.protect.rule_for(below + path, method).need
            if need in fine:
                continue
            expected = (
                f"{below + path!r} needs {need!r}; expected 'optional' for all "
                "addresses of the hub inside, as with the line '/ optional': the "
                "hub asks for a login itself"
            )
            file.note(part.title, "protect", "", expected)
            return


def _provided(part: Part) -> Sequence[type[PipelinePart]]:
    return provided(part.entry_point)


def _has_role(part: Part, role: str) -> bool:
    return any(role == one.ROLE for one in _provided(part))


def remarks(stack: Stack) -> list[Note]:
    """Notes on a pipeline whose application is open or only half protected.

    Filters of others may do the work of ours; only the sysadmin can know.
    """
    here = {part.entry_point for part in stack.parts}
    app = stack.parts[-1].title if stack.parts else stack.title
    if _is_unguarded(stack):
        text = "no filter of eilogin is in front of it"
        return [Note(app, "", text, "unguarded")]
    if here.intersection((MAIN, HUB)):
        return []
    told = (*here, *_lacking(stack))
    return [
        Note(
            app,
            "",
            f"no filter '{name}' is in front of it, so {part.WITHOUT}",
            "half-guarded",
        )
        for name, part in filters().items()
        if part.WITHOUT and name not in told
    ]


def _lacking(stack: Stack) -> Mapping[str, Part]:
    """Filters of a participant that are missing, and the part that needs them inside.

    That part refuses to start without them (:mod:`eilogin.web.composition`).
    """
    here = {part.entry_point: part for part in stack.parts}
    unneeded = {
        name
        for part in stack.parts
        for one in _provided(part)
        for name in (one.eilogin_part, *one.SPARES)
    }
    lacking: dict[str, Part] = {}
    # The innermost filter that needs it names it.
    for needing in reversed(list(filters().values())):
        part = here.get(needing.eilogin_part)
        if part is not None and part.options.get("role", "").strip() != HUB:
            lacking = dict.fromkeys(needing.NEEDS_INSIDE, part) | lacking
    return {name: part for name, part in lacking.items() if name not in unneeded}


def _check_role(file: IniFile, title: str, own: OwnOptions, role: str) -> None:
    if own.role != role:
        expected = (
            f"expected '{role}', because the filters or app behind it are those of a "
            f"{role}"
        )
        file.note(title, "role", repr(own.role), expected)


def _check_profile(file: IniFile, part: Part, options: Options | None) -> None:
    """Check that a single filter follows DigiD's interface, if another one does."""
    if isinstance(options, OwnOptions):
        return  # that one checks it itself
    for fault in options.profile_faults() if options else ():
        found = repr(part.options.get(fault.option, ""))
        expected = f"{fault.expected} (profile = digid)"
        file.note(part.title, fault.option, found, expected)


def _check_hub(
    file: IniFile, hub: Part, options: Options | None, own: OwnOptions
) -> None:
    """Check the options of the hub against the filters before it."""
    if not isinstance(options, HubOptions):
        return
    profile = PROFILES[own.profile]
    for name, expected in contradictions(options, own.public_url, profile):
        found = hub.options.get(name, getattr(options, name))
        file.note(hub.title, name, repr(found), expected)


def _check_order(file: IniFile, stack: Stack) -> None:
    """Check that each of our filters has the filters that it needs, in order."""
    here: list[str] = []
    for part in stack.parts:
        for one in _provided(part):
            missing = [name for name in needed_before(one) if name not in here]
            if missing:
                _out_of_order(file, part, f"needs {_quoted(missing)} before it")
            _check_place(file, part, one.eilogin_part, here)
            here.append(one.eilogin_part)


def _check_place(file: IniFile, part: Part, name: str, here: Sequence[str]) -> None:
    if name not in filters():
        return
    if name in here:
        _out_of_order(file, part, f"is the second '{name}' around one application")
        return
    inner = [*filters()]
    later = [other for other in inner[inner.index(name) + 1 :] if other in here]
    if later:
        _out_of_order(file, part, f"should come before {_quoted(later)}")


def _out_of_order(file: IniFile, part: Part, what: str) -> None:
    file.note(part.title, "", "", f"{what}; the order is: {order()}")


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
