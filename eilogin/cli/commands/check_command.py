"""``eilogin check FILE``: report every fault of an ini file."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from eilogin.cli.checks.check_notes import records
from eilogin.cli.checks.configuration_check import CheckResult, check
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.reports import many, print_faults, print_notes
from eilogin.errors import Fault


def check_file(file: Path, *, strict: bool, as_json: bool) -> None:
    """Print every fault of an ini file; exit with 1 if there is one."""
    checked = check(IniFile.read(file))
    faults = [*checked.faults, *checked.store_faults]
    if as_json:
        entries = records(str(file), faults, checked.remarks, checked.steps)
        click.echo(json.dumps([*entries], indent=2, ensure_ascii=False))
    else:
        _print_result(file, checked, faults)
    if faults or (strict and checked.remarks):
        raise SystemExit(1)


def _print_result(file: Path, checked: CheckResult, faults: Sequence[Fault]) -> None:
    if faults:
        print_notes(checked.remarks)
        print_faults(faults)
        print_steps(checked.steps)
        return
    click.echo(
        f"{file}: everything in order: {many(checked.sections, 'section')}, "
        f"{checked.eilogin_sections} of them of eilogin, and "
        f"{many(checked.stacks, 'application')} with the filters around "
        f"{'it' if checked.stacks == 1 else 'them'}"
    )
    print_notes(checked.remarks)


def print_steps(steps: Sequence[str]) -> None:
    """Print the numbered steps that remain, on stderr."""
    if steps:
        click.echo("\nThe steps that are left, in this order:", err=True)
    for number, step in enumerate(steps, 1):
        text = textwrap.indent(step, "   ").strip()
        click.echo(f"{number}. {text}", err=True)
