"""``eilogin serve``, ``demo``, ``work`` and ``logouts``: the running service."""

from typing import Any

import click

from eilogin.cli.declarations.shared_parameters import FILE, VARIABLES


@click.command("serve", short_help="Check an ini file, then serve it.")
@FILE
@VARIABLES
def serve_command(**values: Any) -> None:
    """Check a paste ini FILE, then serve each of its [server:NAME] sections.

    \b
        eilogin serve app.ini
        eilogin serve app.ini http_port=8080

    If the check finds a fault, nothing starts, and the exit code is 1. NAME=VALUE
    sets a variable that [DEFAULT] of the file does not set. The sections of the file
    configure logging; without a [loggers] section the log goes to stderr. Ctrl-C and
    SIGTERM stop the servers.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.running.serve_command import serve_file

    serve_file(**values)


@click.command("demo", short_help="Run a whole federation, from a clone.")
@click.option(
    "--reset",
    is_flag=True,
    help="Remove the files that the demo made, and make new ones.",
)
@click.option("--prepare-only", is_flag=True, help="Make the missing files, and stop.")
@click.option(
    "--down",
    multiple=True,
    metavar="SITE",
    help="Do not let this site answer, such as uwv. May be repeated.",
)
@click.option(
    "--short",
    is_flag=True,
    help="End sessions after 2 minutes of inactivity, and after 5 minutes in any case.",
)
def demo_command(**values: Any) -> None:
    """Run a hub, a portal, participants and a rehearsal of DigiD on this machine.

    The command makes keys, certificates, signed metadata and citizens in var/, unless
    they exist. Then it serves the project's paste.ini, and prints the address of a
    guide: a page with things to try. Use its files only for trying out: everybody
    knows the passwords of its citizens.

    \b
        eilogin demo               until Ctrl-C
        eilogin demo --short       with short sessions, to see the warning
        eilogin demo --down uwv    with a participant that does not answer
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.demo.demo_command import run_demo

    run_demo(**values)


@click.command("work", short_help="Do the background work, as a service.")
@FILE
@VARIABLES
@click.option("--once", is_flag=True, help="Do the work that is due now, and stop.")
def work_command(**values: Any) -> None:
    """Do the background work of an ini FILE until a signal stops it.

    \b
        eilogin work hub.ini           as a service
        eilogin work hub.ini --once    what is due now, then stop

    The work is:

    \b
      hub          retry pending logouts at participants, and end sessions at
                   "max_session"; processes of the hub do this too, unless its
                   option "work" is false
      participant  deliver a logout that the hub has not confirmed, unless
                   "store" is "memory:"
      any site     refresh the metadata, if there is a "federation_folder"

    It may run beside the servers, also several times: one process takes each logout,
    and one refreshes. NAME=VALUE works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.running.work_command import do_work

    do_work(**values)


@click.command("logouts", short_help="List the logouts that are still pending.")
@FILE
@VARIABLES
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each.")
def logouts_command(**values: Any) -> None:
    """List the logouts that participants of the hubs of an ini FILE have not confirmed.

    \b
        eilogin logouts hub.ini
        eilogin logouts hub.ini --json

    The state of each ("state" in the JSON):

    \b
      now      the hub is sending it for the first time
      again    the hub did not get an answer, and retries (at "next")
      browser  only the browser of the visitor can deliver it, at their next logout
      partly   the participant has ended its session, but maybe not those of its
               own applications; the next logout tells it again

    Each line also shows since when it waits, how often the hub has retried, the error
    code, and until when it matters. It does not show who logged out. The exit code is
    0 even if logouts wait. NAME=VALUE works as for "eilogin serve".
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.commands.running.work_command import list_logouts

    list_logouts(**values)
