"""``eilogin demo``: a whole federation on a laptop, from a clone of the project."""

from collections.abc import Sequence
from pathlib import Path

import click

import eilogin
from eilogin.cli.commands.demo.demo_guide import GuidedSites
from eilogin.cli.commands.demo.demo_preparation import Demo, Step
from eilogin.cli.commands.running.serve_command import serve
from eilogin.cli.inifiles.ini_sections import NO_CHANGES
from eilogin.cli.terminal.reports import reporting_errors

_ELSEWHERE = (
    "cannot find the project's paste.ini; 'eilogin demo' needs a clone of the "
    "project. Run it in the clone; for a file of your own, use 'eilogin serve "
    "FILE'."
)


def run_demo(
    *, reset: bool, prepare_only: bool, down: Sequence[str], short: bool
) -> None:
    """Make the missing files of the demonstration, then serve it."""
    file = find_paste_ini()
    if file is None:
        raise click.ClickException(_ELSEWHERE)
    with reporting_errors():
        demo = Demo(file)
        hosts = demo.hosts(down)
        if reset:
            demo.reset()
        steps = list(demo.prepare())
    if prepare_only:
        for line in _step_lines(steps, file.parent):
            click.echo(line)
        return
    # Standard output begins with the address of the guide.
    click.echo(_steps_in_short(steps), err=True)
    sites = demo.sites()
    serve(
        file,
        {},
        demo.greeting(hosts, is_short=short),
        lambda app: GuidedSites(app, hosts, sites, is_short=short),
        demo.short_limits() if short else NO_CHANGES,
    )


def find_paste_ini() -> Path | None:
    """Find ``paste.ini`` of the clone around the working folder or eilogin."""
    working = Path.cwd()
    package = Path(eilogin.__file__).parent
    for folder in (working, *working.parents, package.parent):
        parts = ("paste.ini", "setup.cfg", "eilogin/__init__.py")
        if all((folder / part).is_file() for part in parts):
            return folder / "paste.ini"
    return None


def _step_lines(steps: Sequence[Step], folder: Path) -> list[str]:
    lines = [step.line(folder) for step in steps if step.made]
    existing = len(steps) - len(lines)
    return [*lines, f"{existing} existed already"] if existing else lines


def _steps_in_short(steps: Sequence[Step]) -> str:
    made = sum(step.made for step in steps)
    return f"made {made} under var/; {len(steps) - made} existed already"
