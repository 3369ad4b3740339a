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
from eilogin.web.pipeline.inner_parts import MOUNT_CURE, lacks
from eilogin.web.pipeline.pipeline_parts import (
    MAIN,
    PipelinePart,
    filters,
    needed_before,
    order,
    provided,
)

#: The hub's addresses that servers call, so no visitor is signed in there.
_SERVER_ADDRESSES = ("metadata", "artifact", "slo_soap", "health", "metrics")


def check_stack(
    file: IniFile, stack: Stack, options_by_section: Mapping[str, Options]
) -> None:
    """Add the faults of the filters around one application."""
    split = _split_at_inner_hub(stack, options_by_section)
    if split is not None:
        _check_outer_participant(file, *split, options_by_section)
        stack = replace(stack, parts=split[1])
    _check_order(file, stack)
    _check_load_faults(file, stack, options_by_section)
    _check_use(file, stack)
    hubs = [part for part in stack.parts if _has_role(part, HUB)]
    participants = [part for part in stack.parts if _has_role(part, PARTICIPANT)]
    _check_role_and_profile(file, stack, options_by_section, hubs, participants)
    _check_levels(file, stack, options_by_section)
    _check_path_style(file, stack, options_by_section)
    # Only before a hub with "sign_in = above" may a participant be.
    for part in participants if hubs else ():
        expected = (
            f"is a filter for participants, so it cannot be before [{hubs[0].title}]"
        )
        file.add_fault(part.title, "", "", expected)


def _check_role_and_profile(
    file: IniFile,
    stack: Stack,
    options_by_section: Mapping[str, Options],
    hubs: Sequence[Part],
    participants: Sequence[Part],
) -> None:
    own_options = [
        (part.title, options)
        for part in stack.parts
        if isinstance(options := options_by_section.get(part.title), OwnOptions)
    ]
    for title, own in own_options:
        if bool(hubs) != bool(participants):
            _check_role(file, title, own, HUB if hubs else PARTICIPANT)
        for hub in hubs:
            _check_hub(file, hub, options_by_section.get(hub.title), own)
    if not hubs and any(
        PROFILES[own.profile].restricts_filters for _, own in own_options
    ):
        for part in stack.parts:
            _check_profile(file, part, options_by_section.get(part.title))


def _check_load_faults(
    file: IniFile, stack: Stack, options_by_section: Mapping[str, Options]
) -> None:
    """Add the faults at which filters refuse to start, or refuse each request."""
    for name, part in _missing_filters(stack).items():
        file.add_fault(part.title, "", "", lacks(name))
    script = ""
    for part in stack.parts:
        options = options_by_section.get(part.title)
        script += part.mount
        if isinstance(options, OwnOptions) and script not in script_names(
            options.public_url
        ):
            expected = (
                f"a composite mounts it below {script!r}; expected that path at "
                "the end of public_url, because the hub sends its answers there; "
                f"{MOUNT_CURE}"
            )
            file.add_fault(part.title, "public_url", repr(options.public_url), expected)


def _check_use(file: IniFile, stack: Stack) -> None:
    for part in stack.parts:
        section = file.sections.get(part.title)
        if section is None or part.use or "use" in section.values:
            continue
        if not any(option.startswith("paste.") for option in section.values):
            expected = "is required; expected a value such as egg:PROJECT#NAME"
            file.add_fault(part.title, "use", "", expected)


def check_unused(file: IniFile, parts: Sequence[Part], stacks: Sequence[Stack]) -> None:
    """Add a fault for an unused filter of ours if an application has none."""
    reached = {part.title for stack in stacks for part in stack.parts}
    used_names = {
        section.values.get("use", "")
        for section in file.of_kind("filter", "filter-app")
    }
    unguarded = [stack.parts[-1].title for stack in stacks if _is_unguarded(stack)]
    for part in parts:
        name = part.title.partition(":")[2]
        is_guard = part.kind == "filter" and part.entry_point in (MAIN, "login")
        if (
            unguarded
            and is_guard
            and part.title not in reached
            and name not in used_names
        ):
            expected = (
                "is in no pipeline, and no filter of eilogin is before "
                f"[{unguarded[0]}]; expected 'filter-with = {name}' there, or "
                f"'{name}' in its pipeline; or remove this section"
            )
            file.add_fault(part.title, "", "", expected, "unguarded")


def _is_unguarded(stack: Stack) -> bool:
    return bool(stack.parts) and not any(map(_filter_classes, stack.parts))


def _check_levels(
    file: IniFile, stack: Stack, options_by_section: Mapping[str, Options]
) -> None:
    part_options = [(part, options_by_section.get(part.title)) for part in stack.parts]
    for _, trust in part_options:
        for part, login in part_options:
            if isinstance(trust, TrustOptions) and isinstance(login, LoginOptions):
                fault = login.protect.beyond(trust.level_classes)
                if fault:
                    file.add_fault(part.title, "protect", "", fault)


def _check_path_style(
    file: IniFile, stack: Stack, options_by_section: Mapping[str, Options]
) -> None:
    app = stack.parts[-1] if stack.parts else None
    if app is None or not app.is_zope:
        return
    for part in stack.parts:
        trust = options_by_section.get(part.title)
        if isinstance(trust, TrustOptions) and trust.path_style == "plain":
            expected = (
                f"expected 'zope': [{app.title}] is Zope, which finds a page "
                "under several paths too (/news/private is /private), so a line "
                "of 'protect' would not hold"
            )
            file.add_fault(part.title, "path_style", "'plain'", expected)


def _split_at_inner_hub(
    stack: Stack, options_by_section: Mapping[str, Options]
) -> tuple[Sequence[Part], Sequence[Part]] | None:
    """Split a stack with ``sign_in = above`` before the hub's own filters, or None."""
    parts = stack.parts
    # The section has the value even if other options of the hub are wrong.
    if not parts or parts[-1].entry_point != "hub":
        return None
    if parts[-1].options.get("sign_in", "").strip() != "above":
        return None
    session_indexes = [
        i for i, part in enumerate(parts) if part.entry_point == "session"
    ]
    start = session_indexes[-1] if session_indexes else 0
    return parts[:start], parts[start:]


def _check_outer_participant(
    file: IniFile,
    outer: Sequence[Part],
    inner: Sequence[Part],
    options_by_section: Mapping[str, Options],
) -> None:
    """Check that the filters before an inner hub make up a whole participant."""
    _check_order(file, Stack("", outer))
    filter_names = {
        filter_class.eilogin_part
        for part in outer
        for filter_class in _filter_classes(part)
    }
    missing = [name for name in ("login", "logout") if name not in filter_names]
    if missing:
        needed = f"needs {_quoted(missing)} of a participant before its own filters"
        file.add_fault(inner[-1].title, "sign_in", "'above'", needed)
    _check_cookies(file, [*outer, *inner], options_by_section)
    for part in outer:
        options = options_by_section.get(part.title)
        if isinstance(options, OwnOptions):
            _check_role(file, part.title, options, PARTICIPANT)
            if options.hub_inside is None:
                expected = f"expected the prefix of [{inner[-1].title}], such as '/'"
                file.add_fault(part.title, "hub_inside", "", expected)
    for part in inner:
        options = options_by_section.get(part.title)
        if isinstance(options, OwnOptions):
            _check_inner_hub(file, outer, options_by_section, part.title, options)


def _check_cookies(
    file: IniFile, parts: Sequence[Part], options_by_section: Mapping[str, Options]
) -> None:
    cookies: dict[str, str] = {}
    for part in parts:
        options = options_by_section.get(part.title)
        if isinstance(options, SessionOptions):
            first_section = cookies.setdefault(options.cookie, part.title)
            if first_section != part.title:
                expected = f"expected another name than that of [{first_section}]"
                file.add_fault(part.title, "cookie", repr(options.cookie), expected)


def _check_inner_hub(
    file: IniFile,
    outer: Sequence[Part],
    options_by_section: Mapping[str, Options],
    title: str,
    hub: OwnOptions,
) -> None:
    """Check that a participant knows the inner hub, and admits every visitor."""
    prefix = prefix_of(hub)
    for part in outer:
        options = options_by_section.get(part.title)
        if isinstance(options, OwnOptions) and options.hub_inside not in (None, prefix):
            expected = f"expected {prefix or '/'!r}, the prefix of [{title}]"
            file.add_fault(
                part.title, "hub_inside", repr(options.hub_inside or "/"), expected
            )
        if isinstance(options, LoginOptions):
            _check_admission(file, part, options, hub)


def _check_admission(
    file: IniFile, part: Part, login: LoginOptions, hub: OwnOptions
) -> None:
    """Check that a participant admits every visitor to the inner hub."""
    # With a level, it would redirect visitors before the hub knows which site sent
    # them. With ``off``, the hub never gets the visitor.
    base_path = urlsplit(hub.public_url).path + prefix_of(hub)
    for name, path in ADDRESSES[HUB].items():
        allowed = (OFF, OPTIONAL) if name in _SERVER_ADDRESSES else (OPTIONAL,)
        for method in ("GET", "POST"):
            need = login.protect.rule_for(base_path + path, method).need
            if need in allowed:
                continue
            expected = (
                f"{base_path + path!r} needs {need!r}; expected 'optional' for all "
                "addresses of the hub inside, as with the line '/ optional': the "
                "hub asks for a login itself"
            )
            file.add_fault(part.title, "protect", "", expected)
            return


def _filter_classes(part: Part) -> Sequence[type[PipelinePart]]:
    return provided(part.entry_point)


def _has_role(part: Part, role: str) -> bool:
    return any(role == filter_class.ROLE for filter_class in _filter_classes(part))


def guard_notes(stack: Stack) -> list[Note]:
    """Note an open or half protected application; filters of others may protect it."""
    names = {part.entry_point for part in stack.parts}
    app = stack.parts[-1].title if stack.parts else stack.title
    if _is_unguarded(stack):
        text = "no filter of eilogin is in front of it"
        return [Note(app, "", text, "unguarded")]
    if names.intersection((MAIN, HUB)):
        return []
    accounted_for = _provided_names(stack) | _missing_filters(stack).keys()
    return [
        Note(
            app,
            "",
            f"no filter '{name}' is in front of it, so {part.WITHOUT}",
            "half-guarded",
        )
        for name, part in filters().items()
        if part.WITHOUT and name not in accounted_for
    ]


def _missing_filters(stack: Stack) -> Mapping[str, Part]:
    """Return the missing filters of a participant, each with the part that needs it."""
    parts_by_name = {part.entry_point: part for part in stack.parts}
    provided_names = _provided_names(stack)
    missing: dict[str, Part] = {}
    # The innermost filter that needs a missing one counts.
    for filter_class in reversed(list(filters().values())):
        part = parts_by_name.get(filter_class.eilogin_part)
        if part is not None and part.options.get("role", "").strip() != HUB:
            missing = dict.fromkeys(filter_class.NEEDS_INSIDE, part) | missing
    return {name: part for name, part in missing.items() if name not in provided_names}


def _provided_names(stack: Stack) -> set[str]:
    """Return the filters of a pipeline, and those that its app makes needless."""
    return {
        name
        for part in stack.parts
        for filter_class in _filter_classes(part)
        for name in (filter_class.eilogin_part, *filter_class.SPARES)
    }


def _check_role(file: IniFile, title: str, own: OwnOptions, role: str) -> None:
    if own.role != role:
        expected = (
            f"expected '{role}', because the filters or app behind it are those of a "
            f"{role}"
        )
        file.add_fault(title, "role", repr(own.role), expected)


def _check_profile(file: IniFile, part: Part, options: Options | None) -> None:
    if isinstance(options, OwnOptions):
        return  # These options check their own profile.
    for fault in options.profile_faults() if options else ():
        value = repr(part.options.get(fault.option, ""))
        expected = f"{fault.expected} (profile = digid)"
        file.add_fault(part.title, fault.option, value, expected)


def _check_hub(
    file: IniFile, hub: Part, options: Options | None, own: OwnOptions
) -> None:
    if not isinstance(options, HubOptions):
        return
    profile = PROFILES[own.profile]
    for name, expected in contradictions(options, own.public_url, profile):
        value = hub.options.get(name, getattr(options, name))
        file.add_fault(hub.title, name, repr(value), expected)


def _check_order(file: IniFile, stack: Stack) -> None:
    names: list[str] = []
    for part in stack.parts:
        for filter_class in _filter_classes(part):
            missing = [
                name for name in needed_before(filter_class) if name not in names
            ]
            if missing:
                _add_order_fault(file, part, f"needs {_quoted(missing)} before it")
            _check_position(file, part, filter_class.eilogin_part, names)
            names.append(filter_class.eilogin_part)


def _check_position(file: IniFile, part: Part, name: str, names: Sequence[str]) -> None:
    if name not in filters():
        return
    if name in names:
        _add_order_fault(file, part, f"is the second '{name}' around one application")
        return
    filter_order = [*filters()]
    misplaced = [
        later
        for later in filter_order[filter_order.index(name) + 1 :]
        if later in names
    ]
    if misplaced:
        _add_order_fault(file, part, f"should come before {_quoted(misplaced)}")


def _add_order_fault(file: IniFile, part: Part, fault: str) -> None:
    file.add_fault(part.title, "", "", f"{fault}; the order is: {order()}")


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
