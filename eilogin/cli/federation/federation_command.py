"""``eilogin federation``: make a federation, change its members and rules, sign it.

A folder of plain files is the whole state (:mod:`eilogin.registry`); each command reads
it, and changes a file or two of it.
"""

import getpass
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import click

from eilogin import clock, config
from eilogin.cli.federation.federation_lookup import (
    DIR,
    chosen_member,
    is_elsewhere,
    seen_from,
)
from eilogin.cli.federation.rollover_command import rollover_command
from eilogin.cli.federation.verify_command import (
    note_what_is_unsigned,
    until,
    verify_command,
)
from eilogin.cli.terminal.command_files import write_key_pair
from eilogin.cli.terminal.progress_bar import bar
from eilogin.cli.terminal.prompts import one_line, require_yes
from eilogin.cli.terminal.reports import many, telling_errors
from eilogin.errors import (
    InvalidOptions,
    MetadataExpired,
    MetadataUnusable,
)
from eilogin.federation.sources.metadata_downloads import MetadataClient
from eilogin.registry import (
    LONGEST,
    MEMBERS,
    NEXT_CERTIFICATE,
    OPTIONS,
    RULES,
    VALID,
    Folder,
    MemberRule,
    RegistryMember,
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
from eilogin.saml.assurance_levels import LEVELS
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import NO_SSO, ServiceProvider
from eilogin.saml.printable_text import printable
from eilogin.saml.signing_keys import fingerprints_of
from eilogin.shell_quoting import as_word, typed

_DAY = 86_400.0
#: Seconds: report a signature that ends sooner than this.
_SOON = 3 * _DAY
#: Seconds before the end of the operator's certificate: all members need the new one.
_LONG_BEFORE = 60 * _DAY
#: The most notes of one kind that the command prints.
_MOST_NOTED = 20
#: The attributes that a hub of eilogin sends by these names, if none is renamed.
_SENT = ("name", "mail", "bsn", "sofi")
_UNUSUAL = (
    "note: no member asks for an attribute '{}'. A wrong name releases nothing;"
    " expected the name by which the hub sends it, such as name, mail or bsn"
)
#: An AuthnRequest is smaller.
_LONGEST_PROOF = 256 * 1024


class _Commands(click.Group):
    """Commands that report each error in a few lines."""

    def invoke(self, context: click.Context) -> Any:
        with telling_errors():
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


_YES = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


@federation_command.command("init", short_help="Make the folder of a new federation.")
@DIR
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

    \b
        eilogin federation init DIR --name 'My federation'

    The key decides who is a member. Keep a copy in a safe place: with a new key,
    every member must install a new certificate. The key does not belong in git;
    DIR/.gitignore excludes it. To use an existing key, or one on a token (PKCS#11),
    give --key and --certificate. You can change both later in DIR/federation.ini; its
    paths are relative to DIR.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    if (key is None) != (certificate is None):
        raise click.UsageError("--key, --certificate: expected both, or none")
    with _whole_or_not_at_all(folder):
        own = folder / "operator.key"
        # The key comes first, so that an interrupted command can begin again. It
        # overwrites no key.
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
        # A variable, or a token, may be missing until the key is needed.
        with nullcontext() if is_elsewhere(key or "") else operator_key(made):
            found = fingerprints_of(operator_certificate(made))
    click.echo(f"{folder}: the federation '{made.options.name}'")
    click.echo(
        f"{made.options.certificate}: its certificate. Give it to each member, "
        f"and compare the fingerprint by telephone:\n    {found}"
    )


@contextmanager
def _whole_or_not_at_all(folder: Path) -> Iterator[None]:
    """Make the folder of a federation completely, or remove the new files again."""
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


@federation_command.command("add", short_help="Add a member, or update one.")
@DIR
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
def add_command(  # noqa: PLR0913 - one for each option
    folder: Path,
    source: str,
    proof: Path | None,
    challenge: str,
    without_proof: str,
    *,
    yes: bool,
) -> None:
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
    if challenge and not proof:
        raise click.UsageError(
            "--challenge: expected --proof too, because the word is in that request"
        )
    if without_proof and proof:
        raise click.UsageError("--proof, --without-proof: expected only one of them")
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
        click.echo(
            "it is a member already, with the same metadata; nothing was changed"
        )
        return
    if not yes:
        asked = "Add this member" if before is None else "Update this member"
        require_yes(f"{asked}?")
    now = write_instant(int(clock.now()))
    path = known.put(member, f"added {now} by {_who()}; {told}")
    click.echo(f"{path}: kept; {_makes_it_count(folder)}")


def _makes_it_count(folder: Path) -> str:
    return f"'{typed('eilogin federation sign', folder)}' makes it count"


def _shows_difference(before: RegistryMember, member: RegistryMember) -> bool:
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
        config.web_address(source)
    except ValueError as error:
        raise click.BadParameter(
            f"found '{source}'; expected a file, or {error}", param_hint="FILE|URL"
        ) from error
    return MetadataClient(longest=LONGEST).fetch(source).body


def _require_in_time(source: str, member: RegistryMember) -> None:
    ends = member.descriptor.valid_until
    if ends is not None and ends <= clock.now():
        raise MetadataExpired(
            f"{source}: this metadata expired at {write_instant(ends)}; ask its "
            "administrator for newer metadata"
        )


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "an unknown user"


@federation_command.command("remove", short_help="Remove a member.")
@DIR
@click.argument("entity_id", metavar="ENTITYID")
@_YES
def remove_command(folder: Path, entity_id: str, *, yes: bool) -> None:
    """Remove the member ENTITYID, and its rules.

    \b
        eilogin federation remove DIR https://uwv.example.nl/eilogin/metadata

    A part of the entityID is enough if no other member has it. The removal counts
    when you have signed and published the metadata, and others have fetched it. A hub
    of eilogin then tells the former member to end its sessions, and rejects its
    requests.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    known = Folder(folder, bar("reading"))
    member = chosen_member(known, entity_id)
    click.echo(f"{member.entity_id}: {_name(member)}")
    if not yes:
        require_yes("Remove this member and its rules?")
    known.remove(member.entity_id)
    if len(known.members) > 1:
        click.echo(f"removed; {_makes_it_count(folder)}")
    else:
        click.echo(f"removed; this was the last member: {nobody(known)}")


def _name(member: RegistryMember) -> str:
    return printable(member.descriptor.name("nl"))


@federation_command.command("list", short_help="List the members.")
@DIR
def list_command(folder: Path) -> None:
    """List the members: role, name, file in DIR, and first certificate to expire.

    \b
        eilogin federation list DIR

    A certificate with a later one for the same use is not listed.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    known = Folder(folder, bar("reading"))
    for entity_id, member in known.members.items():
        one = member.descriptor
        kinds = {"hub": one.identity_provider, "participant": one.service_provider}
        kind = " and ".join(name for name, role in kinds.items() if role)
        place = known.files[entity_id].relative_to(folder)
        # Users copy the entityID from here, and a member chooses its own.
        line = f"{as_word(entity_id)}  {kind}  {_name(member)}  {place}"
        click.echo("  ".join([line, *until(member)]))
    click.echo(f"{many(len(known.members), 'member')}")


@federation_command.command(
    "show", short_help="Show one member: keys, addresses, rules."
)
@DIR
@click.argument("entity_id", metavar="ENTITYID")
def show_command(folder: Path, entity_id: str) -> None:
    """Show the member ENTITYID as "add" showed it, and its rules.

    \b
        eilogin federation show DIR uwv

    A part of the entityID is enough if no other member has it.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    known = Folder(folder, bar("reading"))
    member = chosen_member(known, entity_id)
    for line in asked_by(member, known.members.values()):
        click.echo(line)
    rule = known.rules.get(member.entity_id, MemberRule())
    click.echo(printable(f"rules         {_in_words(rule)}"))
    click.echo(printable(f"file          {known.files[member.entity_id]}"))
    if member.note:
        click.echo(printable(f"              {member.note}"))


@federation_command.command("rules", short_help="Show or set the rules of a member.")
@DIR
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
def rules_command(  # noqa: PLR0913 - one for each option
    folder: Path,
    entity_id: str | None,
    sso_domain: str | None,
    level: str | None,
    release: Sequence[str],
    *,
    clear: bool,
) -> None:
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
    known = Folder(folder, bar("reading"))
    said = {
        "sso_domain": sso_domain,
        "required_level": level,
        # An empty value gets an error with the expected form: its variable may be
        # unset.
        "released_attributes": "\n".join(release) if release else None,
    }
    given = {name: value for name, value in said.items() if value is not None}
    if (given or clear) and entity_id is None:
        raise click.UsageError("which member? Expected ENTITYID")
    if entity_id is not None:
        entity_id = chosen_member(known, entity_id).entity_id
    if entity_id is None or not (given or clear):
        _tell_rules(known, [entity_id] if entity_id else list(known.members))
        return
    rule, faults = config.attempt(MemberRule, "", entity_id, given)
    if rule is None:
        raise InvalidOptions(faults)
    before = MemberRule() if clear else known.rules.get(entity_id, MemberRule())
    changed = before.model_copy(
        update={n: getattr(rule, n) for n in rule.model_fields_set}
    )
    known.put_rule(entity_id, changed)
    _tell_rules(Folder(folder), [entity_id])
    for name in _unusual(known, rule.released_attributes or ()):
        click.echo(printable(_UNUSUAL.format(name)))
    click.echo(_makes_it_count(folder))


def _unusual(known: Folder, released: Iterable[str]) -> list[str]:
    """Return the names of attributes that neither a member nor eilogin uses."""
    requested = {
        name
        for member in known.members.values()
        for role in member.roles
        if isinstance(role, ServiceProvider)
        for service in role.attribute_services
        for name in service.requested
    }
    return sorted({*released} - requested - {*_SENT})


def _tell_rules(known: Folder, entity_ids: Sequence[str]) -> None:
    if not entity_ids:
        click.echo("there are no members yet")
    for entity_id in entity_ids:
        told = _in_words(known.rules.get(entity_id, MemberRule()))
        click.echo(printable(f"{entity_id}: {told}"))


def _in_words(rule: MemberRule) -> str:
    domain, released = rule.sso_domain, rule.released_attributes
    words = ["is in the default SSO domain"]
    if domain:
        shared = f"is in the SSO domain '{domain}'"
        words = ["shares no session" if domain == NO_SSO else shared]
    if rule.required_level:
        words.append(f"level {rule.required_level} or higher")
    if released is not None:
        words.append(f"may get {', '.join(sorted(released)) or 'no attribute'}")
    return "; ".join(words)


@federation_command.command("sign", short_help="Sign all members as they are now.")
@DIR
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    help="Number of days that the signature is valid.",
)
def sign_command(folder: Path, days: int | None) -> None:
    """Sign the metadata of all members with their rules, as they are in DIR now.

    \b
        eilogin federation sign DIR

    The command writes DIR/metadata.xml as a whole, or leaves it as it is. If "verify"
    would report something wrong, such as expired metadata or rules without a member,
    the command does not sign.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    known = Folder(folder, bar("reading"))
    seconds = days * _DAY if days else known.options.validity
    with operator_key(known) as key:
        metadata = sign_all(known, key, seconds)
    count = many(len(metadata.entities), "member")
    ends = write_instant(metadata.valid_until or 0.0)
    click.echo(f"{known.signed}: {count}, signed until {ends}")


@federation_command.command("publish", short_help="Write the files for the web server.")
@DIR
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--no-mdq", is_flag=True, help="Do not write files for single members (MDQ)."
)
def publish_command(folder: Path, target: Path, *, no_mdq: bool) -> None:
    """Write the signed metadata to FOLDER, from which a web server serves it.

    \b
        eilogin federation publish DIR /srv/www/federation

    metadata.xml has all members. The folder entities/ has signed files for each
    member, for the Metadata Query Protocol (MDQ): one by the encoded entityID
    (https%3A%2F%2F…), one by its hash ({sha1}…). So the command needs the key, unless
    --no-mdq is given. The web server must not decode the address:
    contrib/manual/federation/publish.rst has the lines for nginx and Apache.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    known = Folder(folder)
    with nullcontext() if no_mdq else operator_key(known) as key:
        count = publish(known, target, key, bar("signing"))
    answers = "" if no_mdq else f", and {many(count, 'answer')} in entities/"
    if publish_next(known, target):
        answers += f", and {NEXT_CERTIFICATE}"
    click.echo(f"{target}: metadata.xml{answers}")
    if last := last_signed(known):
        note_what_is_unsigned(known, last[1])


@federation_command.command("diff", short_help="Show what is not signed yet.")
@DIR
def diff_command(folder: Path) -> None:
    """Show what "sign" would change: the members now, and as they were signed.

    \b
        eilogin federation diff DIR
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    known = Folder(folder, bar("reading"))
    last = last_signed(known)
    lines = list(difference(last[1] if last else {}, about_to_sign(known)))
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(
            "nothing has changed since the last signature"
            if last
            else "there are no members yet"
        )


federation_command.add_command(verify_command)
federation_command.add_command(rollover_command)
