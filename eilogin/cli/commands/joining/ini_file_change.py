"""Put eilogin into the ini file of an application, or write a new file."""

from dataclasses import dataclass, replace
from pathlib import Path

from eilogin.cli.checks.exposure_notes import is_local_server
from eilogin.cli.commands.joining.join_questions import (
    JoinWish,
    ask_for_headers,
    draft_of,
)
from eilogin.cli.inifiles.ini_pipelines import names_zope
from eilogin.cli.inifiles.pipeline_wrapping import Host, difference, encoded
from eilogin.cli.terminal.command_files import copied, rewrite, write_new
from eilogin.errors import ConfigurationError
from eilogin.shell_quoting import typed

_FILTER = "eilogin"


@dataclass(frozen=True, slots=True)
class IniFileChange:
    """An ini file before and after; ``old_octets`` is None for a new file."""

    path: Path
    old_octets: bytes | None
    new_octets: bytes

    @property
    def lines(self) -> list[str]:
        """The change, in the form of ``diff -u``."""
        return difference(self.path, self.old_octets or b"", self.new_octets)

    def carry_out(self) -> str:
        """Write the file after a copy of the old one; describe that in a line."""
        if self.old_octets is None:
            write_new(self.path, self.new_octets)
            return f"{self.path}: made"
        copy = copied(self.path)
        rewrite(self.path, self.new_octets, old_octets=self.old_octets)
        return (
            f"{self.path}: eilogin is in front of it now; a copy of the old file: "
            f"{copy}"
        )


def change_of(
    wish: JoinWish, ini: Path, folder: Path, host: Host | None
) -> IniFileChange:
    """Return the change that puts eilogin in front of an application."""
    if host is not None and wish.wrap is None:
        raise ConfigurationError(
            f"{ini}: exists already, without eilogin; expected "
            f"{typed('--wrap', ini)}, which puts eilogin in front of its "
            "application"
        )
    draft = draft_of(ini, folder, wish.filter_options)
    is_zope = names_zope(wish.app or "") if host is None else host.is_zope
    is_local = host is None or any(map(is_local_server, host.servers))
    headers = wish.headers or ask_for_headers()
    draft = replace(draft, is_zope=is_zope, is_local=is_local, headers=headers)
    if host is None:
        lines = draft.new_file_lines(wish.app or "")
        return IniFileChange(
            ini, None, b"".join(encoded(f"{line}\n") for line in lines)
        )
    name = host.free_name(_FILTER)
    octets = host.wrapped(name, draft.filter_lines(name, host.outer))
    return IniFileChange(ini, host.octets, octets)
