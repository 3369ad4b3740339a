"""Notes on options of a pipeline that contradict each other, or the metadata."""

from collections.abc import Iterator, Mapping, Sequence

from eilogin.cli.checks.check_notes import Note
from eilogin.cli.checks.peer_capabilities import Known
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

_LONGEST_TO_WARN_OF = 20 * 3600


def pipeline_notes(
    stack: Stack, read: Mapping[str, Options], known: Mapping[str, Known]
) -> Iterator[Note]:
    """Yield every note on one pipeline."""
    yield from _out_of_reach(stack, read)
    yield from _not_asked_for(stack, read)
    yield from _of_any_hub(stack, read)
    yield from _like_users_of_zope(stack, read)
    yield from _strangers(stack, read, known)
    yield from _alone(stack, known)


def stores_apart(
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
    # If a hub is behind another one, its own filters come last.
    members = [entity.entity_id for entity in trusted[-1].federation.entities]
    for option, names in options.entities.items():
        for name in names:
            if name not in members:
                hint = did_you_mean(name, members)
                text = f"{name!r} is no member of the federation{hint}"
                yield Note.at(hub, option, text)
