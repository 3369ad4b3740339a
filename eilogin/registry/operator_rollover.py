"""Change the operator's own key, in steps that a file of the folder records.

During the change, ``rollover.ini`` has the next key, its start, and the members with
its certificate. SAML has no message about pinned certificates, so the operator notes
which members are ready.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from eilogin import clock
from eilogin.atomic_files import PUBLIC, write
from eilogin.errors import ConfigurationError
from eilogin.registry.member_rules import sections_of
from eilogin.registry.metadata_signing import last_signed
from eilogin.registry.operator_keys import certificate_in, operator_key
from eilogin.registry.registry_folder import OPTIONS, SECTION, Folder
from eilogin.saml.messages import read_instant, write_instant

STATE = "rollover.ini"
NEXT_CERTIFICATE = "operator-next.crt"

#: No entityID has a blank.
_SECTION = "the next key"
_HEAD = """\
# The rollover of the operator's key: "eilogin federation rollover --help". Each member
# that has the next certificate has a section here; remove the section if it has not.
"""


@dataclass(frozen=True)
class Rollover:
    """The progress of the change."""

    #: As in ``federation.ini``.
    old: str
    key: str
    certificate: str
    begun: float
    #: The end of the last signature by the old key; 0.0 before the switch.
    until: float = 0.0
    #: When and by whom noted, by entityID.
    ready: Mapping[str, str] = field(default_factory=dict)

    def has_switched(self, folder: Folder) -> bool:
        """Whether the next key signs."""
        return _configured_certificate(folder) == self.certificate


def begin(folder: Folder, key: str, certificate: str) -> Rollover:
    """Begin the change to another key; raises ConfigurationError."""
    rollover = Rollover(
        _configured_certificate(folder), key, certificate, int(clock.now())
    )
    certificate_in(folder.path / certificate)
    if rollover.has_switched(folder):
        raise ConfigurationError(
            f"{folder.path / certificate}: is the current certificate; expected the"
            " certificate of the next key"
        )
    write_rollover(folder, rollover)
    return rollover


def _configured_certificate(folder: Folder) -> str:
    options = sections_of(folder.path / OPTIONS)[SECTION]
    return options["certificate"]


def read_rollover(folder: Folder) -> Rollover | None:
    """Read the progress, None without a change; raises ConfigurationError."""
    path = folder.path / STATE
    sections = dict(sections_of(path))
    if not sections:
        return None
    options = sections.pop(_SECTION, {})
    try:
        return Rollover(
            options["old"],
            options["key"],
            options["certificate"],
            read_instant(options["begun"]),
            read_instant(options["until"]) if "until" in options else 0.0,
            {name: values.get("ready", "") for name, values in sections.items()},
        )
    except (KeyError, ValueError) as error:
        raise ConfigurationError(
            f"{path}: [{_SECTION}]: cannot use it ({error}); expected old, key,"
            " certificate and begun. Correct it, or remove the file to begin again"
        ) from error


def write_rollover(folder: Folder, rollover: Rollover) -> None:
    """Store the progress."""
    lines = [
        f"[{_SECTION}]",
        f"old = {rollover.old}",
        f"key = {rollover.key}",
        f"certificate = {rollover.certificate}",
        f"begun = {write_instant(rollover.begun)}",
    ]
    if rollover.until:
        lines.append(f"until = {write_instant(rollover.until)}")
    for name, ready in sorted(rollover.ready.items()):
        lines += ["", f"[{name}]", f"ready = {ready}"]
    text = "\n".join([_HEAD, *lines, ""])
    write(folder.path / STATE, text.encode(), mode=PUBLIC)


def unready_members(folder: Folder, rollover: Rollover) -> list[str]:
    """The members that are not ready."""
    return [name for name in folder.members if name not in rollover.ready]


def switch(folder: Folder, rollover: Rollover) -> None:
    """Make the next key sign: write it into ``federation.ini``.

    The signed metadata stays. Raises ConfigurationError, and changes nothing, if the
    next key is unusable.
    """
    with operator_key(folder, rollover.key, folder.path / rollover.certificate):
        last = last_signed(folder)
    until = (last.metadata.valid_until if last else None) or clock.now()
    # federation.ini comes last: it shows whether the switch was made.
    write_rollover(folder, replace(rollover, until=until))
    file = folder.path / OPTIONS
    text = _with_option(file.read_text("utf-8"), "key", rollover.key)
    text = _with_option(text, "certificate", rollover.certificate)
    write(file, text.encode(), mode=PUBLIC)


def _with_option(text: str, name: str, value: str) -> str:
    return re.sub(rf"(?im)^{name}\s*=.*$", lambda _: f"{name} = {value}", text, count=1)


def finish(folder: Folder) -> None:
    """End the rollover; the files of both keys stay."""
    (folder.path / STATE).unlink()


def publish_next(folder: Folder, target: Path) -> bool:
    """Publish the next certificate, or remove it; return whether it is published."""
    path = target / NEXT_CERTIFICATE
    rollover = read_rollover(folder)
    if rollover is None:
        path.unlink(missing_ok=True)
        return False
    certificate = folder.path / rollover.certificate
    certificate_in(certificate)
    write(path, certificate.read_bytes(), mode=PUBLIC)
    return True
