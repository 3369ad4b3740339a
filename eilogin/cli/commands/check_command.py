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


@click.command("check", short_help="Find every fault of an ini file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a note.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check_command(file: Path, *, strict: bool, as_json: bool) -> None:
    """Find every fault of a paste ini FILE, without starting anything.

    The command checks options and their values, the order of pipelines, keys and
    certificates, the federation's metadata, the store and the servers. A fault stops
    'eilogin serve'. A note does not: it names something that is probably not
    intended, or that leaves the site open. If the site is not yet a member of its
    federation, the command lists the steps that are left, in order.

    \b
        eilogin check site.ini            for a person
        eilogin check site.ini --strict   before each deployment: no note either
        eilogin check site.ini --json     for a program

    --json prints a list with an object for each finding. Its keys are file, section,
    option, kind (fault, note or step), code and text.

    The exit code is 1 if there is a fault, with --strict also if there is a note;
    else 0.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
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
