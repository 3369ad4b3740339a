"""``eilogin federation rules``: show or set the rules of a member."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from eilogin import config
from eilogin.cli.federation.federation_lookup import chosen_member, sign_hint
from eilogin.cli.terminal.progress_bar import bar
from eilogin.errors import InvalidOptions
from eilogin.registry import Folder, MemberRule
from eilogin.saml.metadata import NO_SSO, ServiceProvider
from eilogin.saml.printable_text import printable

#: Attributes that a hub of eilogin sends, if ``attribute_names`` renames none.
_HUB_ATTRIBUTES = ("name", "mail", "bsn", "sofi")
_UNKNOWN_ATTRIBUTE = (
    "note: no member asks for an attribute '{}'. A wrong name releases nothing;"
    " expected the name by which the hub sends it, such as name, mail or bsn"
)


def show_or_set_rules(  # noqa: PLR0913 - one for each option
    folder: Path,
    entity_id: str | None,
    sso_domain: str | None,
    level: str | None,
    release: Sequence[str],
    *,
    clear: bool,
) -> None:
    """Print rules, or set the rules of a member."""
    registry = Folder(folder, bar("reading"))
    options = {
        "sso_domain": sso_domain,
        "required_level": level,
        # An empty value, as of an unset variable, gets an error with the expected form.
        "released_attributes": "\n".join(release) if release else None,
    }
    values = {name: value for name, value in options.items() if value is not None}
    if entity_id is None:
        if values or clear:
            raise click.UsageError("which member? Expected ENTITYID")
        _print_rules(registry, list(registry.members))
        return
    entity_id = chosen_member(registry, entity_id).entity_id
    if values or clear:
        _change_rule(registry, entity_id, values, clear=clear)
    else:
        _print_rules(registry, [entity_id])


def _change_rule(
    registry: Folder, entity_id: str, values: Mapping[str, str], *, clear: bool
) -> None:
    """Set values in the rule of a member; with ``clear``, in an empty rule."""
    rule, faults = config.attempt(MemberRule, "", entity_id, values)
    if rule is None:
        raise InvalidOptions(faults)
    old_rule = MemberRule() if clear else registry.rules.get(entity_id, MemberRule())
    changes = {name: getattr(rule, name) for name in rule.model_fields_set}
    registry.put_rule(entity_id, old_rule.model_copy(update=changes))
    _print_rules(Folder(registry.path), [entity_id])
    for name in _unknown_attributes(registry, rule.released_attributes or ()):
        click.echo(printable(_UNKNOWN_ATTRIBUTE.format(name)))
    click.echo(sign_hint(registry.path))


def _unknown_attributes(registry: Folder, released: Iterable[str]) -> list[str]:
    """Return attributes that neither a member nor eilogin names."""
    requested = {
        name
        for member in registry.members.values()
        for role in member.roles
        if isinstance(role, ServiceProvider)
        for service in role.attribute_services
        for name in service.requested
    }
    return sorted({*released} - requested - {*_HUB_ATTRIBUTES})


def _print_rules(registry: Folder, entity_ids: Sequence[str]) -> None:
    if not entity_ids:
        click.echo("there are no members yet")
    for entity_id in entity_ids:
        rule = registry.rules.get(entity_id, MemberRule())
        click.echo(printable(f"{entity_id}: {rule_in_words(rule)}"))


def rule_in_words(rule: MemberRule) -> str:
    """Describe a rule."""
    domain, released = rule.sso_domain, rule.released_attributes
    phrases = ["is in the default SSO domain"]
    if domain:
        domain_phrase = f"is in the SSO domain '{domain}'"
        phrases = ["shares no session" if domain == NO_SSO else domain_phrase]
    if rule.required_level:
        phrases.append(f"level {rule.required_level} or higher")
    if released is not None:
        phrases.append(f"may get {', '.join(sorted(released)) or 'no attribute'}")
    return "; ".join(phrases)
