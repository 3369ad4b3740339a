"""The command line: ``eilogin serve``, ``demo``, ``check``, ``options``, ``metadata``.

What belongs here: reading arguments, asking the rooms below to work, and telling a
person what came of it. Each command is a file; ``checking`` finds the faults of an ini
file, of which ``inifile`` reads the sections and ``pipelines`` what they make of each
other, without building anything.
"""

import click

from eilogin import __version__
from eilogin.cli.check import check_command
from eilogin.cli.demo import demo_command
from eilogin.cli.metadata import metadata_command
from eilogin.cli.options import options_command
from eilogin.cli.serve import serve_command
from eilogin.cli.store import store_command


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command says more about itself: eilogin serve --help.",
)
@click.version_option(__version__, prog_name="eilogin")
def main() -> None:
    """Log in once, known everywhere, logged out everywhere.

    eilogin puts filters in front of any WSGI application, by the lines of an ini file.
    A whole federation to try, from a clone of the project:

    \b
        eilogin demo

    Your own application, when its ini file names the filters:

    \b
        eilogin options login     what a filter understands
        eilogin metadata app.ini  what the operator of the federation wants
        eilogin check app.ini     every fault of the file, and nothing started
        eilogin serve app.ini     the same, and then serve it
        eilogin store --help      look into its store, back it up, end its sessions
    """  # noqa: D301 - \b is click's sign for "do not wrap"


for _command in (
    serve_command,
    demo_command,
    check_command,
    options_command,
    metadata_command,
    store_command,
):
    main.add_command(_command)
