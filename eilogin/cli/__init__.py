"""The command line: ``eilogin serve``, ``demo``, ``join``, ``check``, ``metadata`` ….

What belongs here: reading arguments, asking the rooms below to work, and telling a
person what came of it. Each command is a file; ``checking`` finds the faults of an ini
file, of which ``inifile`` reads the sections and ``pipelines`` what they make of each
other, without building anything.
"""

import click

from eilogin import __version__
from eilogin.cli.check import check_command
from eilogin.cli.citizen import citizen_command
from eilogin.cli.demo import demo_command
from eilogin.cli.federation import federation_command
from eilogin.cli.join import join_command
from eilogin.cli.join_hub import join_hub_command
from eilogin.cli.keys import keys_command
from eilogin.cli.metadata import metadata_command
from eilogin.cli.options import options_command
from eilogin.cli.progress import bar
from eilogin.cli.serve import serve_command
from eilogin.cli.sessions import sessions_command
from eilogin.cli.store import store_command
from eilogin.cli.trust import trust_command
from eilogin.cli.work import logouts_command, work_command
from eilogin.saml.metadata import showing


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

    Your own application:

    \b
        eilogin join              makes what a site needs, and puts eilogin around it
        eilogin options login     what a filter understands
        eilogin metadata app.ini  what the operator of the federation wants
        eilogin keys --help       which key signs when, and the next one
        eilogin check app.ini     every fault of the file, and nothing started
        eilogin serve app.ini     the same, and then serve it
        eilogin trust --help      what the federation is now, and what waits for you
        eilogin store --help      look into its store, back it up, end its sessions
        eilogin sessions --help   end the sessions of somebody, everywhere

    A hub:

    \b
        eilogin join-hub --help   makes what a hub needs, and its ini file
        eilogin citizen --help    somebody who can sign in there
        eilogin logouts hub.ini   which logouts did not reach everybody yet
        eilogin work hub.ini      tell them again, as a service of its own

    The operator of a federation:

    \b
        eilogin federation --help who is a member, and the signature on that
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    told = showing(bar("Reading the members of the federation"))
    click.get_current_context().with_resource(told)


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
