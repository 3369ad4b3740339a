"""Notes on options of a pipeline that contradict each other, or the metadata."""

from collections.abc import Iterator, Mapping, Sequence

from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.peer_capabilities import CheckedTrust
from eilogin.cli.inifiles.ini_pipelines import Part, Stack
from eilogin.config import Options, did_you_mean
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.filters.identity_options import IdentityOptions
from eilogin.filters.login_options import LoginOptions
from eilogin.filters.session_options import SessionOptions
from eilogin.hub.hub_options import HubOptions
from eilogin.saml.assurance_levels import LEVELS
from eilogin.stores.store_locations import is_in_process

_LONGEST_LIMIT_TO_WARN = 20 * 3600


def pipeline_notes(
    stack: Stack,
    options_by_section: Mapping[str, Options],
    trust_by_section: Mapping[str, CheckedTrust],
) -> Iterator[Note]:
    """Yield every note on one pipeline."""
    yield from _ineffective_limits(stack, options_by_section)
    yield from _unrequested_attributes(stack, options_by_section)
    yield from _claims_of_any_hub(stack, options_by_section)
    yield from _possible_zope_users(stack, options_by_section)
    yield from _unknown_entities(stack, options_by_section, trust_by_section)
    yield from _lonely_hubs(stack, trust_by_section)


def stores_apart(
    stacks: Sequence[Stack], options_by_section: Mapping[str, Options]
) -> Iterator[Note]:
    """Note a store in memory in several pipelines, each with its own sessions."""
    paths_by_section: dict[str, set[tuple[str, ...]]] = {}
    parts: dict[str, Part] = {}
    for stack in stacks:
        # PasteDeploy makes a filter for each path that leads to its section.
        path: tuple[str, ...] = (stack.title,)
        for part in stack.parts:
            options = options_by_section.get(part.title)
            if isinstance(options, SessionOptions) and is_in_process(options.store):
                parts[part.title] = part
                paths_by_section.setdefault(part.title, set()).add(path)
            path = (*path, part.title, part.branch)
    for title, paths in paths_by_section.items():
        if len(paths) > 1:
            text = (
                f"found 'memory:' in {len(paths)} pipelines, which do not share "
                "their sessions. A login in one of them does not count in "
                "another; expected a shared store, such as "
                "sqlite:///%(here)s/sessions.db, or one pipeline around all "
                "applications"
            )
            yield Note.at(parts[title], "store", text, "stores-apart")


def _ineffective_limits(
    stack: Stack, options_by_section: Mapping[str, Options]
) -> Iterator[Note]:
    part_options = [(part, options_by_section.get(part.title)) for part in stack.parts]
    session = next(
        (options for _, options in part_options if isinstance(options, SessionOptions)),
        None,
    )
    if session is None:
        return
    shortest = min(session.idle, session.max_session)
    for part, login in part_options:
        if not isinstance(login, LoginOptions):
            continue
        if any(limit > shortest for limit in login.protect.idle_limits):
            yield Note.at(
                part,
                "protect",
                f"an idle= is longer than the idle time of the session ({shortest:g} "
                "s), so it has no effect",
            )
        yield from _warning_times(part, login, session)


def _warning_times(
    part: Part, login: LoginOptions, session: SessionOptions
) -> Iterator[Note]:
    """Note a session that ends without a warning, or a ``warn`` that is too long."""
    if login.warn is None:
        # WCAG 2.2.1 exempts limits that are longer.
        if min(session.idle, session.max_session) <= _LONGEST_LIMIT_TO_WARN:
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


def _trust_options_of(
    stack: Stack, options_by_section: Mapping[str, Options]
) -> TrustOptions | None:
    candidates = (options_by_section.get(part.title) for part in stack.parts)
    return next(
        (options for options in candidates if isinstance(options, TrustOptions)), None
    )


def _claims_of_any_hub(
    stack: Stack, options_by_section: Mapping[str, Options]
) -> Iterator[Note]:
    trust = _trust_options_of(stack, options_by_section)
    if trust is None or not (len(trust.hub) > 1 or trust.hub == ("all",)):
        return
    for part in stack.parts:
        options = options_by_section.get(part.title)
        if isinstance(options, LoginOptions):
            for text in _claimable_rules(options):
                yield Note.at(part, "protect", f"{text}; do you mean that?")
        if isinstance(options, IdentityOptions):
            for source in part.options.get("user", "").split():
                if source != "subject":
                    text = (
                        f"{source}: each hub can send any value here, also one of "
                        "another hub's visitor; 'subject' separates the visitors "
                        "of different hubs"
                    )
                    yield Note.at(part, "user", text)


def _possible_zope_users(
    stack: Stack, options_by_section: Mapping[str, Options]
) -> Iterator[Note]:
    """Note names that a user in Zope could have too."""
    if not (stack.parts and stack.parts[-1].is_zope):
        return
    for part in stack.parts:
        options = options_by_section.get(part.title)
        if isinstance(options, IdentityOptions) and not options.user_prefix:
            for source in part.options.get("user", "").split():
                if source.startswith("attribute:"):
                    text = (
                        f"{source}: a visitor whose name is that of a user in Zope "
                        "becomes that user; expected 'subject', or a "
                        "'user_prefix' such as 'burger-'"
                    )
                    yield Note.at(part, "user", text)


def _claimable_rules(options: LoginOptions) -> Iterator[str]:
    levels = [level for level in LEVELS[1:] if level in options.protect.levels]
    if levels:
        yield f"each of the hubs can claim {' or '.join(levels)} for its visitors"
    for name in sorted(options.protect.attributes):
        yield f"each of the hubs can send {name!r}, and so let its visitors in"


def _unrequested_attributes(
    stack: Stack, options_by_section: Mapping[str, Options]
) -> Iterator[Note]:
    part_options = [(part, options_by_section.get(part.title)) for part in stack.parts]
    trust = _trust_options_of(stack, options_by_section)
    if trust is None or not trust.requested_attributes:
        # Without a request, a hub may send any attributes.
        return
    requested = {attribute.name for attribute in trust.requested_attributes}
    for part, login in part_options:
        if not isinstance(login, LoginOptions):
            continue
        attributes_by_option = {
            "protect": login.protect.attributes,
            "require_attributes": login.require_attributes,
        }
        for name, attributes in attributes_by_option.items():
            for attribute in sorted(set(attributes) - requested):
                text = f"{attribute!r} is not in requested_attributes; will the hub"
                yield Note.at(part, name, f"{text} tell it?")


def _lonely_hubs(
    stack: Stack, trust_by_section: Mapping[str, CheckedTrust]
) -> Iterator[Note]:
    for part in stack.parts:
        checked = trust_by_section.get(part.title)
        if checked is None or checked.own.role != HUB:
            continue
        if not any(entity.service_provider for entity in checked.federation.entities):
            text = (
                "the metadata has no participant, so no visitor can come here to log in"
            )
            yield Note.at(part, "federation", text)


def _unknown_entities(
    stack: Stack,
    options_by_section: Mapping[str, Options],
    trust_by_section: Mapping[str, CheckedTrust],
) -> Iterator[Note]:
    trusts = [
        trust_by_section[part.title]
        for part in stack.parts
        if part.title in trust_by_section
    ]
    hub = stack.parts[-1] if stack.parts else None
    options = options_by_section.get(hub.title) if hub else None
    if hub is None or not trusts or not isinstance(options, HubOptions):
        return
    # If a hub is behind another one, its own trust comes last.
    members = [entity.entity_id for entity in trusts[-1].federation.entities]
    for option, names in options.entities.items():
        for name in names:
            if name not in members:
                hint = did_you_mean(name, members)
                text = f"{name!r} is no member of the federation{hint}"
                yield Note.at(hub, option, text)
