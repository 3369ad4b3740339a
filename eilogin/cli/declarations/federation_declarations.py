"""``eilogin federation``: the commands of a federation's operator."""

from pathlib import Path
from typing import Any

import click

from eilogin.cli.terminal.prompts import one_line
from eilogin.cli.terminal.reports import reporting_errors
from eilogin.saml.assurance_levels import LEVELS

_DIR = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
_YES = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


class _Commands(click.Group):
    def invoke(self, context: click.Context) -> Any:
        with reporting_errors():
            return super().invoke(context)


@click.group("federation", cls=_Commands, short_help="Operate a federation.")
def federation_command() -> None:
    """Operate a federation: choose its members and their rules, and sign the metadata.

    A folder DIR holds all of it in plain files; keep it in git. To make a federation:

    \b
        eilogin federation init DIR --name 'My federation'
        eilogin federation add DIR hub.xml      the metadata of a member ("eilogin
        eilogin federation add DIR site.xml       metadata site.ini" prints it)
        eilogin federation sign DIR
        eilogin federation publish DIR /srv/www/federation

    Members then write the address of metadata.xml into their ini files ("federation =
    https://…/metadata.xml"), and DIR/operator.crt as "federation_certificate". Sign
    and publish again after each change, and from a timer well before the signature
    expires: "sign" asks no question.

    \b
        eilogin federation diff DIR             show what is not signed yet
        eilogin federation verify DIR           check everything, and what expires
        eilogin federation rollover DIR         replace the key that signs
    """  # noqa: D301 - \b is click's sign for "do not wrap"


@federation_command.command("init", short_help="Make the folder of a new federation.")
@_DIR
@click.option("--name", required=True, type=one_line, help="Name of the federation.")
@click.option(
    "--publisher",
    type=one_line,
    help="Publisher of the metadata: a name, or better a URI.",
)
@click.option(
    "--days", default=14, help="Number of days that a signature is valid. [default: 14]"
)
@click.option(
    "--key",
    type=one_line,
    help="Key that signs: a PEM file, env:NAME, or pkcs11:… for a "
    "token. Without it the command makes one.",
)
@click.option(
    "--certificate",
    type=one_line,
    help="PEM file with its certificate. Required with --key.",
)
@click.option("--pin", help="PIN of the token: env:NAME, file:PATH or credential:NAME.")
@click.option(
    "--loopback", is_flag=True, help="Allow members on this machine (loopback)."
)
def init_command(**values: Any) -> None:
    """Make the folder DIR of a new federation, and the key of its operator.

    \b
        eilogin federation init DIR --name 'My federation'

    The key decides who is a member. Keep a copy in a safe place: with a new key,
    every member must install a new certificate. The key does not belong in git;
    DIR/.gitignore excludes it. To use an existing key, or one on a token (PKCS#11),
    give --key and --certificate. You can change both later in DIR/federation.ini; its
    paths are relative to DIR.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.init_command import make_federation

    make_federation(**values)


@federation_command.command("add", short_help="Add a member, or update one.")
@_DIR
@click.argument("source", metavar="FILE|URL")
@click.option(
    "--proof",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a signed login request of the member: XML, or an "
    "address with SAMLRequest= and Signature=.",
)
@click.option(
    "--challenge",
    default="",
    help="Word that the request must contain (ProviderName).",
)
@click.option(
    "--without-proof",
    metavar="REASON",
    default="",
    help="Accept it without a proof of the key. The reason is recorded.",
)
@_YES
def add_command(**values: Any) -> None:
    """Add the member whose metadata is at FILE or URL, or update it.

    \b
        eilogin federation add DIR site.xml
        eilogin federation add DIR https://uwv.example.nl/eilogin/metadata

    The command shows what the member asks for. If you say yes, it writes the metadata
    to DIR/members; it does not sign anything yet. It removes what only an operator
    may say of a member: see "rules".

    The metadata must prove that the member has its key. Its signature proves that
    ("eilogin metadata" signs), or a signed login request (--proof). For a proof that
    is made for you, agree on a word with the member:

    \b
        eilogin metadata site.ini --proof WORD > proof.xml     the member
        eilogin federation add DIR site.xml --proof proof.xml --challenge WORD

    If it is a member already, one of its keys in DIR must have signed. The command
    then shows the difference.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.member_commands import add_member

    add_member(**values)


@federation_command.command("remove", short_help="Remove a member.")
@_DIR
@click.argument("entity_id", metavar="ENTITYID")
@_YES
def remove_command(**values: Any) -> None:
    """Remove the member ENTITYID, and its rules.

    \b
        eilogin federation remove DIR https://uwv.example.nl/eilogin/metadata

    A part of the entityID is enough if no other member has it. The removal counts
    when you have signed and published the metadata, and others have fetched it. A hub
    of eilogin then tells the former member to end its sessions, and rejects its
    requests.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.member_commands import remove_member

    remove_member(**values)


@federation_command.command("list", short_help="List the members.")
@_DIR
def list_command(**values: Any) -> None:
    """List the members: role, name, file in DIR, and first certificate to expire.

    \b
        eilogin federation list DIR

    A certificate with a later one for the same use is not listed.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.member_commands import list_members

    list_members(**values)


@federation_command.command(
    "show", short_help="Show one member: keys, addresses, rules."
)
@_DIR
@click.argument("entity_id", metavar="ENTITYID")
def show_command(**values: Any) -> None:
    """Show the member ENTITYID as "add" showed it, and its rules.

    \b
        eilogin federation show DIR uwv

    A part of the entityID is enough if no other member has it.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.member_commands import show_member

    show_member(**values)


@federation_command.command("rules", short_help="Show or set the rules of a member.")
@_DIR
@click.argument("entity_id", metavar="[ENTITYID]", required=False)
@click.option(
    "--sso-domain",
    metavar="NAME",
    help="SSO domain: members of one domain share a session. 'none': "
    "no shared session.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    help="Lowest level of a login for it.",
)
@click.option(
    "--release",
    multiple=True,
    metavar="ATTRIBUTE",
    help="Attribute that it may get; all others are withheld. 'none': "
    "no attribute. May be repeated.",
)
@click.option("--clear", is_flag=True, help="Remove all rules of this member.")
def rules_command(**values: Any) -> None:
    """Show all rules, or set the rules of the member ENTITYID.

    \b
        eilogin federation rules DIR
        eilogin federation rules DIR https://a.example/ --sso-domain gemeenten
        eilogin federation rules DIR https://b.example/ --sso-domain none --level midden
        eilogin federation rules DIR https://b.example/ --release name --release mail
        eilogin federation rules DIR https://b.example/ --clear

    A part of the entityID is enough if no other member has it. Members of one SSO
    domain share a session: a login at one counts at the others. A member without a
    rule is in the default domain. "sign" writes the rules into the metadata, and a
    hub of eilogin follows them. You can also edit DIR/rules.ini.

    --release takes the name by which a hub sends an attribute. A hub of eilogin sends
    "name", "mail" and "bsn" if its option "attribute_names" does not rename them. A
    wrong name releases nothing.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.rules_command import show_or_set_rules

    show_or_set_rules(**values)


@federation_command.command("sign", short_help="Sign all members as they are now.")
@_DIR
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    help="Number of days that the signature is valid.",
)
def sign_command(**values: Any) -> None:
    """Sign the metadata of all members with their rules, as they are in DIR now.

    \b
        eilogin federation sign DIR

    The command writes DIR/metadata.xml as a whole, or leaves it as it is. If "verify"
    would report something wrong, such as expired metadata or rules without a member,
    the command does not sign.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.signing_commands import sign_members

    sign_members(**values)


@federation_command.command("publish", short_help="Write the files for the web server.")
@_DIR
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--no-mdq", is_flag=True, help="Do not write files for single members (MDQ)."
)
def publish_command(**values: Any) -> None:
    """Write the signed metadata to FOLDER, from which a web server serves it.

    \b
        eilogin federation publish DIR /srv/www/federation

    metadata.xml has all members. The folder entities/ has signed files for each
    member, for the Metadata Query Protocol (MDQ): one by the encoded entityID
    (https%3A%2F%2F…), one by its hash ({sha1}…). So the command needs the key, unless
    --no-mdq is given. The web server must not decode the address:
    contrib/manual/federation/publish.rst has the lines for nginx and Apache.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.signing_commands import publish_metadata

    publish_metadata(**values)


@federation_command.command("diff", short_help="Show what is not signed yet.")
@_DIR
def diff_command(**values: Any) -> None:
    """Show what "sign" would change: the members now, and as they were signed.

    \b
        eilogin federation diff DIR
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.signing_commands import show_unsigned

    show_unsigned(**values)


@federation_command.command("verify", short_help="Check the folder and the signature.")
@_DIR
@click.option("--strict", is_flag=True, help="Exit with 3 if there is only a note.")
@click.option(
    "--days",
    type=click.IntRange(0, 3650),
    default=60,
    help="Report certificates that expire within this many days. [default: 60]",
)
def verify_command(**values: Any) -> None:
    """Check DIR: files, members, the last signature, and what expires soon.

    \b
        eilogin federation verify DIR
        eilogin federation verify DIR --strict    from a timer

    Something is wrong if a file cannot be read, a member cannot be signed, or the
    signature is missing or has expired. A note says that a signature, a certificate
    or the metadata of a member expires or has expired, or that a change is not signed
    yet.

    The exit code is 1 if something is wrong. With --strict it is 3 if there is only a
    note. Else it is 0.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.verify_command import verify_folder

    verify_folder(**values)


@federation_command.command(
    "rollover", short_help="Replace the operator's own key, step by step."
)
@_DIR
@click.option("--start", is_flag=True, help="Step 1: make the next key.")
@click.option(
    "--key",
    type=one_line,
    help="With --start: an existing key. A PEM file, env:NAME, or pkcs11:…",
)
@click.option(
    "--certificate",
    type=one_line,
    help="PEM file with its certificate. Required with --key.",
)
@click.option(
    "--ready",
    multiple=True,
    metavar="ENTITYID",
    help="Step 2: note that this member has the next certificate. A "
    "part of the entityID is enough. May be repeated.",
)
@click.option(
    "--switch", "do_switch", is_flag=True, help="Step 3: sign with the next key."
)
@click.option("--finish", "do_finish", is_flag=True, help="Step 4: drop the old key.")
@click.option(
    "--anyway",
    is_flag=True,
    help="With --switch or --finish: do it, even if some members are not ready.",
)
def rollover_command(**values: Any) -> None:
    """Replace the key of the operator of DIR, without a lost login.

    Without an option the command shows the current step, the next action, and the
    members that are ready. SAML cannot ask a member which certificates it pins. So a
    member is ready when its administrator has told you, and you have noted that
    (--ready).

    \b
        eilogin federation rollover DIR --start         1. make the next key
        eilogin federation rollover DIR --ready PART    2. a member pins both
        eilogin federation rollover DIR --switch        3. sign with the next key
        eilogin federation rollover DIR --finish        4. members drop the old one

    DIR/rollover.ini records the steps. To give up before step 3, remove that file.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    from eilogin.cli.federation.rollover_command import roll_over

    roll_over(**values)
