"""``eilogin federation rollover``: replace the operator's key by the next one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from eilogin import clock
from eilogin.cli.federation.federation_lookup import (
    chosen_member,
    relative_to_folder,
    user_name,
)
from eilogin.cli.terminal.command_files import write_key_pair
from eilogin.cli.terminal.progress_bar import bar
from eilogin.errors import ConfigurationError
from eilogin.federation.members.expiry_alarms import ends_in_words
from eilogin.registry import (
    NEXT_CERTIFICATE,
    Folder,
    Rollover,
    begin,
    certificate_in,
    finish,
    operator_certificate_ends,
    read_rollover,
    switch,
    unready_members,
    write_rollover,
)
from eilogin.saml.messages import write_instant
from eilogin.saml.printable_text import first_of, printable
from eilogin.saml.signing_keys import fingerprints_of
from eilogin.shell_quoting import as_word, typed

_MOST_NAMED = 10

_COMMAND = "eilogin federation rollover"


def roll_over(  # noqa: PLR0913 - one for each option
    folder: Path,
    key: str | None,
    certificate: str | None,
    ready: Sequence[str],
    *,
    start: bool,
    do_switch: bool,
    do_finish: bool,
    anyway: bool,
) -> None:
    """Show the step of a rollover, or carry out the next one."""
    if sum(map(bool, (start, ready, do_switch, do_finish))) > 1:
        raise click.UsageError(
            "--start, --ready, --switch, --finish: expected at most one of them"
        )
    if (key is None) != (certificate is None) or (key and not start):
        raise click.UsageError("--key, --certificate: expected both, and --start")
    registry = Folder(folder, bar("reading"))
    if start:
        _start(registry, key, certificate)
    elif ready:
        _note_ready(registry, ready)
    elif do_switch:
        _switch(registry, anyway=anyway)
    elif do_finish:
        _finish(registry, anyway=anyway)
        return
    for line in _step_lines(Folder(folder)):
        click.echo(printable(line))


def _start(registry: Folder, key: str | None, certificate: str | None) -> None:
    if read_rollover(registry) is not None:
        raise ConfigurationError(
            f"{registry.path}: a rollover has begun already; "
            f"'{typed(_COMMAND, registry.path)}' shows the current step"
        )
    if key is None or certificate is None:
        name = f"operator-{write_instant(clock.now())[:10]}"
        key, certificate = f"{name}.key", f"{name}.crt"
        for path in (registry.path / key, registry.path / certificate):
            if path.exists():
                raise ConfigurationError(
                    f"{path}: exists already; eilogin does not overwrite it"
                )
        write_key_pair(
            registry.path / key, registry.path / certificate, registry.options.name
        )
    else:
        key, certificate = (
            relative_to_folder(registry.path, path) for path in (key, certificate)
        )
    begin(registry, key, certificate)


def _current_rollover(registry: Folder) -> Rollover:
    rollover = read_rollover(registry)
    if rollover is None:
        raise ConfigurationError(
            f"{registry.path}: no rollover has begun; start one with "
            f"'{typed(_COMMAND, registry.path, '--start')}'"
        )
    return rollover


def _note_ready(registry: Folder, fragments: Sequence[str]) -> None:
    rollover = _current_rollover(registry)
    names = [chosen_member(registry, fragment).entity_id for fragment in fragments]
    note = printable(f"{write_instant(int(clock.now()))} by {user_name()}")
    ready = {**rollover.ready, **dict.fromkeys(names, note)}
    write_rollover(registry, replace(rollover, ready=ready))


def _switch(registry: Folder, *, anyway: bool) -> None:
    rollover = _current_rollover(registry)
    if rollover.has_switched(registry):
        raise ConfigurationError(f"{registry.path}: the next key signs already")
    unready = unready_members(registry, rollover)
    if unready and not anyway:
        names = "\n".join(
            f"  {name}" for name in first_of(_quoted(unready), _MOST_NAMED)
        )
        raise ConfigurationError(
            f"{registry.path}: {len(unready)} of {len(registry.members)} members are "
            "not known to be ready. A member without the next certificate "
            "rejects all new metadata. When its current metadata expires, nobody "
            "can log in there. Ask these members, and note each with --ready. To "
            f"switch without them, use --anyway:\n{names}"
        )
    switch(registry, rollover)


def _finish(registry: Folder, *, anyway: bool) -> None:
    rollover = _current_rollover(registry)
    if not rollover.has_switched(registry):
        raise ConfigurationError(
            f"{registry.path}: the old key still signs; do this first: "
            f"'{typed(_COMMAND, registry.path, '--switch')}'"
        )
    if rollover.until > clock.now() and not anyway:
        raise ConfigurationError(
            f"{registry.path}: the last metadata that the old key signed is valid "
            f"until {write_instant(rollover.until)}, and members may still use "
            "it. Wait until then. If the old key was stolen, use --anyway"
        )
    finish(registry)
    old_name = (registry.path / rollover.old).name
    click.echo(
        f"the rollover is complete. Tell all members to remove {old_name} from "
        "their ini files, and destroy its private key.\n  "
        f"{_fingerprints(registry, rollover.old)}"
    )


def _quoted(names: Sequence[str]) -> list[str]:
    return [*map(as_word, names)]


def _fingerprints(registry: Folder, certificate: str) -> str:
    return fingerprints_of(certificate_in(registry.path / certificate))


def _step_lines(registry: Folder) -> Iterator[str]:
    rollover = read_rollover(registry)
    if rollover is None:
        expiry = ends_in_words(operator_certificate_ends(registry))
        yield f"no rollover has begun; {registry.options.certificate} {expiry}"
        command = typed(_COMMAND, registry.path, "--start")
        yield f"next, step 1 makes the next key: {command}"
        return
    if rollover.has_switched(registry):
        yield from _switched_lines(registry, rollover)
        return
    yield "step 2 of 4: each member adds the next certificate to the old one"
    yield from _certificates(registry, rollover)
    yield from _readiness(registry, rollover)
    yield (
        "ask each member to write both into its ini file, and tell the fingerprint "
        "by telephone:"
    )
    yield "    federation_certificate ="
    for name in (rollover.old, rollover.certificate):
        yield f"        {Path(name).name}"
    yield (
        "'eilogin federation publish' also publishes the next certificate, as "
        f"{NEXT_CERTIFICATE}; members must check its fingerprint"
    )
    if unready_members(registry, rollover):
        command = typed(_COMMAND, registry.path, "--ready")
        yield f"when a member tells you that it has both, type: {command} ENTITYID"
    else:
        command = typed(_COMMAND, registry.path, "--switch")
        yield f"all members are ready. Next: {command}"


def _switched_lines(registry: Folder, rollover: Rollover) -> Iterator[str]:
    yield "step 3 of 4: the next key signs; members still have both certificates"
    yield from _certificates(registry, rollover)
    yield from _readiness(registry, rollover)
    sign_command = typed("eilogin federation sign", registry.path)
    yield f"sign and publish now, unless you have done that since: {sign_command}"
    command = typed(_COMMAND, registry.path, "--finish")
    yield f"after {write_instant(rollover.until)}: {command}"


def _certificates(registry: Folder, rollover: Rollover) -> Iterator[str]:
    yield f"old   {rollover.old}"
    yield f"      {_fingerprints(registry, rollover.old)}"
    yield f"next  {rollover.certificate}, made {write_instant(rollover.begun)[:10]}"
    yield f"      {_fingerprints(registry, rollover.certificate)}"


def _readiness(registry: Folder, rollover: Rollover) -> Iterator[str]:
    unready = unready_members(registry, rollover)
    count = len(registry.members)
    yield f"ready {count - len(unready)} of {count} members:"
    for name in registry.members:
        note = rollover.ready.get(name)
        state = f"ready, {note}" if note else "NOT KNOWN TO BE READY"
        yield f"  {as_word(name)}  {state}"
