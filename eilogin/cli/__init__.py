"""The command line: ``eilogin serve``, ``demo``, ``join``, ``check``, ``metadata`` ….

A command reads its arguments, calls the packages below, and prints the result. It holds
no rules of SAML, of sessions or of the federation.

* ``checks``: finds the faults of an ini file, and notes on it.
* ``commands``: the work of the commands.
* ``declarations``: the commands as users type them, with their help.
* ``federation``: the work of ``eilogin federation``, for its operator.
* ``inifiles``: reads ini files without building anything, and writes lines into them.
* ``serving``: parts of ``eilogin serve``: limits, slow clients and signals.
* ``terminal``: prompts, reports, progress, files and calendars.
"""

import click

from eilogin import __version__
from eilogin.cli.declarations.federation_declarations import federation_command
from eilogin.cli.declarations.joining_declarations import join_command, join_hub_command
from eilogin.cli.declarations.keys_declarations import keys_command
from eilogin.cli.declarations.running_declarations import (
    demo_command,
    logouts_command,
    serve_command,
    work_command,
)
from eilogin.cli.declarations.sessions_declarations import sessions_command
from eilogin.cli.declarations.site_declarations import (
    check_command,
    citizen_command,
    metadata_command,
    options_command,
)
from eilogin.cli.declarations.store_declarations import store_command
from eilogin.cli.declarations.trust_declarations import trust_command
from eilogin.cli.terminal.progress_bar import bar
from eilogin.saml.reading_progress import showing


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Help for one command: eilogin serve --help.",
)
@click.version_option(__version__, prog_name="eilogin")
def main() -> None:
    """Put single sign-on and single logout in front of any WSGI application.

    eilogin is a set of filters in an ini file. Run a whole federation on this
    machine, from a clone of the project:

    \b
        eilogin demo

    Protect your own application:

    \b
        eilogin join              make key, metadata and ini file of a site
        eilogin options login     print the options of a filter
        eilogin metadata app.ini  print the metadata for the operator
        eilogin check app.ini     find every fault, without starting anything
        eilogin serve app.ini     check, then serve
        eilogin keys --help       replace a key
        eilogin trust --help      look at the metadata, approve pending changes
        eilogin store --help      look into the store, back it up
        eilogin sessions --help   end the sessions of a person

    Run a hub:

    \b
        eilogin join-hub --help   make key, metadata and ini file of a hub
        eilogin citizen --help    add a citizen who can sign in there
        eilogin logouts hub.ini   list the logouts that are still pending
        eilogin work hub.ini      retry pending logouts, as a service

    Operate a federation:

    \b
        eilogin federation --help decide who is a member, sign the metadata
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    progress = showing(bar("Reading the members of the federation"))
    click.get_current_context().with_resource(progress)


for _command in (
    serve_command,
    demo_command,
    join_command,
    join_hub_command,
    citizen_command,
    check_command,
    options_command,
    metadata_command,
    trust_command,
    keys_command,
    store_command,
    sessions_command,
    logouts_command,
    work_command,
    federation_command,
):
    main.add_command(_command)
