"""``eilogin federation``: all that the operator of a federation does.

A folder of plain files is the whole state (:mod:`eilogin.operator`); each command reads
it, and changes a file or two of it.
"""

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import click

from eilogin import clock, settings
from eilogin.cli.asking import one_line, require_yes
from eilogin.cli.check import many, telling_errors
from eilogin.cli.federation_folder import DIR, chosen_member, is_elsewhere, seen_from
from eilogin.cli.files import write_key_pair
from eilogin.cli.progress import bar
from eilogin.cli.rollover import rollover_command
from eilogin.cli.verifying import note_what_is_unsigned, until, verify_command
from eilogin.errors import (
    InvalidOptions,
    MetadataExpired,
    MetadataUnusable,
)
from eilogin.federation.downloads import Web
from eilogin.operator import (
    LONGEST,
    MEMBERS,
    NEXT_CERTIFICATE,
    OPTIONS,
    RULES,
    VALID,
    Folder,
    Member,
    Rule,
    about_to_sign,
    asked_by,
    difference,
    last_signed,
    make_folder,
    nobody,
    octets_of,
    operator_certificate,
    operator_key,
    prove,
    publish,
    publish_next,
    read_member,
    sign_all,
)
from eilogin.saml.keys import fingerprints_of
from eilogin.saml.levels import LEVELS
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import NO_SSO
from eilogin.saml.text import printable
from eilogin.shell import as_word, typed

_DAY = 86_400.0
#: What is signed and ends sooner than this is told.
_SOON = 3 * _DAY
#: The same of its certificate, another one of which has to be brought to all members.
_LONG_BEFORE = 60 * _DAY
#: How many notes of one kind are told.
_MOST_NOTED = 20
#: A login request is smaller.
_LONGEST_PROOF = 256 * 1024


class _Commands(click.Group):
    """Commands whose errors are told, each in a line or a few."""

    def invoke(self, context: click.Context) -> Any:
        with telling_errors():
            return super().invoke(context)


@click.group("federation", cls=_Commands, short_help="Run a federation: its operator.")
def federation_command() -> None:
    """Run a federation: who is a member, what holds for it, and the signature on that.

    All of it is in a folder DIR of plain files, which is best kept in git. From nothing
    to a federation:

    \b
        eilogin federation init DIR --name 'My federation'
        eilogin federation add DIR hub.xml      the metadata of a member ("eilogin
        eilogin federation add DIR site.xml       metadata site.ini" prints it)
        eilogin federation sign DIR
        eilogin federation publish DIR /srv/www/federation

    Members then have in their ini files the address of metadata.xml there ("federation
    = https://…/metadata.xml") and DIR/operator.crt ("federation_certificate"). Sign and
    publish again after each change, and well before the signature is over, by a timer:
    "sign" needs nobody who says yes.

    \b
        eilogin federation diff DIR             what is not signed yet
        eilogin federation verify DIR           whether all is well, and what ends
        eilogin federation rollover DIR         the change of the key that signs
    """  # noqa: D301 - \b is click's sign for "do not wrap"


_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@federation_command.command("init", short_help="Make the folder of a new federation.")
@DIR
@click.option("--name", required=True, type=one_line, help="Name of the federation.")
@click.option(
    "--publisher",
    type=one_line,
    help="Who answers for it: a name, or better a URI.",
)
@click.option("--days", default=14, help="How long a signature lasts: 14.")
@click.option(
    "--key",
    type=one_line,
    help="The key that signs: a PEM file, env:NAME, or pkcs11:… for one on a token;"
    " without it one is made.",
)
@click.option(
    "--certificate",
    type=one_line,
    help="PEM file with its certificate; needed with --key.",
)
@click.option("--pin", help="PIN of the token: env:NAME, file:PATH or credential:NAME.")
@click.option("--loopback", is_flag=True, help="Members may be on this machine.")
def init_command(  # noqa: PLR0913, PLR0917 - one for each option
    folder: Path,
    name: str,
    publisher: str | None,
    days: int,
    key: str | None,
    certificate: str | None,
    pin: str | None,
    *,
    loopback: bool,
) -> None:
    """Make the folder DIR of a new federation, and the key of its operator.

    Whoever has that key says who is a member. Keep a copy of it where nobody else
    comes: another key means that every member has to take another certificate. It is
    not for git, and DIR/.gitignore says so. A key that is there already, or is on a
    token (PKCS#11), is named by --key, with its --certificate; both can be changed
    later in DIR/federation.ini, where a path is seen from DIR.
    """
    if (key is None) != (certificate is None):
        raise click.UsageError("--key, --certificate: expected both, or none")
    with _whole_or_not_at_all(folder):
        own = folder / "operator.key"
        # First: who is stopped in the middle of it can begin anew. No key is written
        # over.
        if key is None and not own.exists() and not (folder / OPTIONS).exists():
            write_key_pair(own, folder / "operator.crt", name)
        make_folder(
            folder,
            name=name,
            publisher=publisher or name,
            validity=f"{days}d",
            key=seen_from(folder, key or str(own)),
            certificate=seen_from(folder, certificate or str(folder / "operator.crt")),
            pin=seen_from(folder, pin or ""),
            loopback="true" if loopback else "",
        )
        made = Folder(folder)
        # A variable, or a token, may not be there before it is needed.
        with nullcontext() if is_elsewhere(key or "") else operator_key(made):
            found = fingerprints_of(operator_certificate(made))
    click.echo(f"{folder}: the federation '{made.options.name}'")
    click.echo(
        f"{made.options.certificate}: its certificate, which each member is given, and"
        f" asks about by another way:\n    {found}"
    )


@contextmanager
def _whole_or_not_at_all(folder: Path) -> Iterator[None]:
    """Have a folder of a federation be made, or remove again what was made of it."""
    ours = ("operator.key", "operator.crt", ".gitignore", RULES, OPTIONS, MEMBERS)
    places = [*(folder / name for name in ours), folder, *folder.parents]
    fresh = [path for path in places if not path.exists()]
    try:
        yield
    except BaseException:
        for path in fresh:
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise


@federation_command.command("add", short_help="Take in a member, or what is new of it.")
@DIR
@click.argument("source", metavar="FILE|URL")
@click.option(
    "--proof",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a signed login request of the member: the XML, or an address with"
    " SAMLRequest= and Signature=.",
)
@click.option(
    "--challenge",
    default="",
    help="What the member was asked to say in that request (ProviderName).",
)
@click.option(
    "--without-proof",
    metavar="REASON",
    default="",
    help="Take it though nothing proves that it is the member's; the reason is kept.",
)
@_YES
def add_command(  # noqa: PLR0913 - one for each option
    folder: Path,
    source: str,
    proof: Path | None,
    challenge: str,
    without_proof: str,
    *,
    yes: bool,
) -> None:
    """Take the member in whose metadata is at FILE or URL, or what is new of it.

    Shows what it asks, and keeps it in DIR/members where you say yes; nothing is signed
    yet. What an operator alone says of members is taken off: see "rules".

    Who sends metadata proves that the key in it is its own: by signing it ("eilogin
    metadata" does), or a login request (--proof). To have one that is made for you,
    give the member a word of your own, and both of you use it:

    \b
        eilogin metadata site.ini --proof WORD > proof.xml     the member
        eilogin federation add DIR site.xml --proof proof.xml --challenge WORD

    Where it is a member already the key is one of those that it has in DIR until now,
    and what is new is shown as a difference.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    if challenge and not proof:
        raise click.UsageError("--challenge: it is of a request: --proof is needed")
    if without_proof and proof:
        raise click.UsageError("--proof, --without-proof: expected one of them")
    known = Folder(folder, bar("reading"))
    octets = _octets_at(source)
    member = read_member(source, octets, on_loopback=known.options.loopback)
    _require_in_time(source, member)
    if member.fault:
        raise MetadataUnusable(f"{source}: {member.fault}{VALID}")
    before = known.members.get(member.entity_id)
    told = f"without proof: {printable(without_proof)}"
    if not without_proof:
        request = proof.read_bytes()[:_LONGEST_PROOF] if proof else b""
        told = prove(octets, member, before, request, challenge)
    for line in asked_by(member, known.members.values()):
        click.echo(line)
    click.echo(f"proof         {told}")
    if before is not None and not _shows_difference(before, member):
        click.echo("it is a member, and nothing is new")
        return
    if not yes:
        asked = "Take it in" if before is None else "Take what is new"
        require_yes(f"{asked}?")
    now = write_instant(int(clock.now()))
    path = known.put(member, f"added {now} by {_who()}; {told}")
    click.echo(f"{path}: kept; {_makes_it_count(folder)}")


def _makes_it_count(folder: Path) -> str:
    return f"'{typed('eilogin federation sign', folder)}' makes it count"


def _shows_difference(before: Member, member: Member) -> bool:
    lines = list(
        difference(
            {before.entity_id: before.element}, {member.entity_id: member.element}
        )
    )
    for line in lines:
        click.echo(line)
    return bool(lines)


def _octets_at(source: str) -> bytes:
    if "://" not in source:
        return octets_of(Path(source))
    try:
        settings.web_address(source)
    except ValueError as error:
        raise click.BadParameter(
            f"found '{source}'; expected a file, or {error}", param_hint="FILE|URL"
        ) from error
    return Web(longest=LONGEST).fetch(source).body


def _require_in_time(source: str, member: Member) -> None:
    ends = member.descriptor.valid_until
    if ends is not None and ends <= clock.now():
        raise MetadataExpired(
            f"{source}: this metadata was valid until {write_instant(ends)}: ask who"
            " runs it for a newer one"
        )


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody without a name"


@federation_command.command("remove", short_help="Let a member go.")
@DIR
@click.argument("entity_id", metavar="ENTITYID")
@_YES
def remove_command(folder: Path, entity_id: str, *, yes: bool) -> None:
    """Let the member called ENTITYID go, with what is ruled of it.

    A part of the entityID is enough if no other member has it.
    It is a member until the metadata is signed and published without it, and others
    have fetched that. A hub of eilogin then tells it to end the sessions that it has,
    and refuses it from its next request on.
    """
    known = Folder(folder, bar("reading"))
    member = chosen_member(known, entity_id)
    click.echo(f"{member.entity_id}: {_name(member)}")
    if not yes:
        require_yes("Let it go?")
    known.remove(member.entity_id)
    if len(known.members) > 1:
        click.echo(f"gone; {_makes_it_count(folder)}")
    else:
        click.echo(f"gone, and it was the last one: {nobody(known)}")


def _name(member: Member) -> str:
    return printable(member.descriptor.name("nl"))


@federation_command.command("list", short_help="Tell who is a member.")
@DIR
def list_command(folder: Path) -> None:
    """Tell who is a member: what it is, its name, its file in DIR, and what ends.

    That is the first of its certificates without a later one for the same use.
    """
    known = Folder(folder, bar("reading"))
    for entity_id, member in known.members.items():
        one = member.descriptor
        kinds = {"hub": one.identity_provider, "participant": one.service_provider}
        kind = " and ".join(name for name, role in kinds.items() if role)
        place = known.files[entity_id].relative_to(folder)
        # It is copied from here: a member calls itself as it likes.
        line = f"{as_word(entity_id)}  {kind}  {_name(member)}  {place}"
        click.echo("  ".join([line, *until(member)]))
    click.echo(f"{many(len(known.members), 'member')}")


@federation_command.command(
    "show", short_help="Show one member: keys, addresses, rules."
)
@DIR
@click.argument("entity_id", metavar="ENTITYID")
def show_command(folder: Path, entity_id: str) -> None:
    """Show the member called ENTITYID as "add" showed it, and what is ruled of it.

    A part of the entityID is enough if no other member has it.
    """
    known = Folder(folder, bar("reading"))
    member = chosen_member(known, entity_id)
    for line in asked_by(member, known.members.values()):
        click.echo(line)
    rule = known.rules.get(member.entity_id, Rule())
    click.echo(printable(f"rules         {_in_words(rule)}"))
    click.echo(printable(f"file          {known.files[member.entity_id]}"))
    if member.note:
        click.echo(printable(f"              {member.note}"))


@federation_command.command("rules", short_help="Say what holds for a member.")
@DIR
@click.argument("entity_id", metavar="[ENTITYID]", required=False)
@click.option(
    "--sso-domain",
    metavar="NAME",
    help="Whose session it shares: members of the same domain; 'none': nobody's.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    help="No login below this level is for it.",
)
@click.option(
    "--release",
    multiple=True,
    metavar="ATTRIBUTE",
    help="It may learn this attribute, and none that is not named so; 'none': no"
    " attribute. May be given more than once.",
)
@click.option("--clear", is_flag=True, help="Forget what was ruled of it until now.")
def rules_command(  # noqa: PLR0913 - one for each option
    folder: Path,
    entity_id: str | None,
    sso_domain: str | None,
    level: str | None,
    release: Sequence[str],
    *,
    clear: bool,
) -> None:
    """Show what holds for whom, or say what holds for the member called ENTITYID.

    A part of the entityID is enough if no other member has it.
    Members of one SSO domain share a session: who logs in at one is known at the
    others. All are of the usual domain of which nothing is said. Rules are signed into
    the metadata, and a hub of eilogin does as they say. They stand in DIR/rules.ini,
    which may be edited as well.

    \b
        eilogin federation rules DIR
        eilogin federation rules DIR https://a.example/ --sso-domain gemeenten
        eilogin federation rules DIR https://b.example/ --sso-domain none --level midden
        eilogin federation rules DIR https://b.example/ --release name --release email
        eilogin federation rules DIR https://b.example/ --clear
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    known = Folder(folder, bar("reading"))
    said = {
        "sso_domain": sso_domain,
        "required_level": level,
        # Of "" it is told what was expected: it may be a variable that is not there.
        "released_attributes": "\n".join(release) if release else None,
    }
    given = {name: value for name, value in said.items() if value is not None}
    if (given or clear) and entity_id is None:
        raise click.UsageError("of whom? ENTITYID is needed to say something")
    if entity_id is not None:
        entity_id = chosen_member(known, entity_id).entity_id
    if entity_id is None or not (given or clear):
        _tell_rules(known, [entity_id] if entity_id else list(known.members))
        return
    rule, faults = settings.attempt(Rule, "", entity_id, given)
    if rule is None:
        raise InvalidOptions(faults)
    before = Rule() if clear else known.rules.get(entity_id, Rule())
    changed = before.model_copy(
        update={n: getattr(rule, n) for n in rule.model_fields_set}
    )
    known.put_rule(entity_id, changed)
    _tell_rules(Folder(folder), [entity_id])
    click.echo(_makes_it_count(folder))


def _tell_rules(known: Folder, entity_ids: Sequence[str]) -> None:
    if not entity_ids:
        click.echo("there are no members yet")
    for entity_id in entity_ids:
        told = _in_words(known.rules.get(entity_id, Rule()))
        click.echo(printable(f"{entity_id}: {told}"))


def _in_words(rule: Rule) -> str:
    domain, released = rule.sso_domain, rule.released_attributes
    words = ["shares the usual session"]
    if domain:
        shared = f"shares the session of '{domain}'"
        words = ["shares no session" if domain == NO_SSO else shared]
    if rule.required_level:
        words.append(f"level {rule.required_level} or higher")
    if released is not None:
        words.append(f"may learn {', '.join(sorted(released)) or 'no attribute'}")
    return "; ".join(words)


@federation_command.command("sign", short_help="Sign all members as they are now.")
@DIR
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lasts.")
def sign_command(folder: Path, days: int | None) -> None:
    """Sign all members and what holds for them, as they are in DIR now.

    It comes into DIR/metadata.xml as a whole, or that stays as it is. What "verify"
    finds fault with is not signed: metadata that is over, rules of who is no member.
    """
    known = Folder(folder, bar("reading"))
    seconds = days * _DAY if days else known.options.validity
    with operator_key(known) as key:
        metadata = sign_all(known, key, seconds)
    count = many(len(metadata.entities), "member")
    ends = write_instant(metadata.valid_until or 0.0)
    click.echo(f"{known.signed}: {count}, signed until {ends}")


@federation_command.command("publish", short_help="Make the files that are served.")
@DIR
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--no-mdq", is_flag=True, help="No answers of single members.")
def publish_command(folder: Path, target: Path, *, no_mdq: bool) -> None:
    """Put what was signed last into FOLDER, from which a web server serves it.

    There metadata.xml has all members. In entities/ each has a file of its own, as the
    Metadata Query Protocol asks for it, called by the entityID as it stands in an
    address (https%3A%2F%2F…) and by its hash ({sha1}…); these are signed too, so the
    key is needed, but not with --no-mdq. The web server has to serve an address as it
    comes: contrib/manual/federation/publish.rst has the lines for nginx and Apache.
    """
    known = Folder(folder)
    with nullcontext() if no_mdq else operator_key(known) as key:
        count = publish(known, target, key, bar("signing"))
    answers = "" if no_mdq else f", and {many(count, 'answer')} in entities/"
    if publish_next(known, target):
        answers += f", and {NEXT_CERTIFICATE}"
    click.echo(f"{target}: metadata.xml{answers}")
    if last := last_signed(known):
        note_what_is_unsigned(known, last[1])


@federation_command.command("diff", short_help="Tell what is not signed yet.")
@DIR
def diff_command(folder: Path) -> None:
    """Tell what "sign" would change: members as they are, and as they were signed."""
    known = Folder(folder, bar("reading"))
    last = last_signed(known)
    lines = list(difference(last[1] if last else {}, about_to_sign(known)))
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(
            "nothing is new since it was signed" if last else "there are no members yet"
        )


federation_command.add_command(verify_command)
federation_command.add_command(rollover_command)
