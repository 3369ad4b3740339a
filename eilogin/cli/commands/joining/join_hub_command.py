"""``eilogin join-hub``: prepare a hub to become a member of a federation."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from eilogin.atomic_files import SECRET, write
from eilogin.cli.commands.joining.joined_files import make_files, print_remaining_steps
from eilogin.cli.inifiles.ini_drafts import Draft, is_address, value_of
from eilogin.cli.inifiles.pipeline_wrapping import Host, encoded
from eilogin.cli.terminal.command_files import new_secret, write_new
from eilogin.cli.terminal.prompts import require_yes
from eilogin.cli.terminal.reports import reporting_errors
from eilogin.errors import ConfigurationError
from eilogin.hub.signin.citizen_accounts import to_json

_FILE = "hub.ini"
_BACK_CHANNEL_PORT = 8081


@dataclass(frozen=True, slots=True)
class HubDraft(Draft):
    """A hub, from which eilogin makes an ini file."""

    back_channel_url: str = ""

    @property
    def citizens(self) -> Path:
        """The file with the citizens who can sign in."""
        return self.folder / "citizens.json"

    @property
    def name_id_key(self) -> Path:
        """The secret that derives the NameIDs."""
        return self.folder / f"{self.host}-name-id.key"

    def lines(self) -> list[str]:
        """Write the whole ini file."""
        return [
            *self.server_lines(),
            *self._back_channel_server(),
            "",
            "[pipeline:main]",
            "pipeline = session trust hub",
            "",
            "[filter:session]",
            "use = egg:eilogin#session",
            *self.store_lines(),
            "",
            "[filter:trust]",
            "use = egg:eilogin#trust",
            "role = hub",
            *self.party_lines(),
            *self._back_channel_option(),
            *self.federation_lines(),
            "",
            "[app:hub]",
            "use = egg:eilogin#hub",
            "# The citizens who can sign in: eilogin citizen add FILE",
            f"citizens = {self.path(self.citizens)}",
            "# Keep it: with another secret, no site recognises its citizens.",
            f"name_id_key = file:{self.path(self.name_id_key)}",
        ]

    def _back_channel_server(self) -> Iterator[str]:
        if self.back_channel_url:
            yield ""
            yield "# For servers, so that visitors cannot use all of its threads."
            yield "[server:back-channel]"
            yield "use = egg:waitress#main"
            port = urlsplit(self.back_channel_url).port
            is_http = self.back_channel_url.startswith("http:")
            port = port if is_http and port else _BACK_CHANNEL_PORT
            yield f"listen = 127.0.0.1:{port}"

    def _back_channel_option(self) -> Iterator[str]:
        if self.back_channel_url:
            yield (
                "# The address for servers: the proxy sends it to "
                "[server:back-channel]."
            )
            yield f"back_channel_url = {value_of(self.back_channel_url)}"


def join_hub(  # noqa: PLR0913 - one for each option
    *,
    public_url: str,
    back_channel_url: str | None,
    name: str | None,
    federation: str | None,
    operator_certificate: Path | None,
    folder: Path,
    kind: str,
    dry_run: bool,
    yes: bool,
) -> None:
    """Make the files of a hub that joins a federation."""
    source = federation or str(folder / "federation.xml")
    if source.startswith("mdq:"):
        raise click.UsageError(
            "--federation: a hub cannot use a responder (mdq:), because it "
            "cannot know in advance which sites to ask for; expected an address "
            "or a file"
        )
    draft = HubDraft(
        ini=folder / _FILE,
        folder=folder,
        public_url=public_url,
        name=name or urlsplit(public_url).hostname or "",
        federation=source if is_address(source) else str(Path(source)),
        operator_certificate=operator_certificate or folder / "operator.crt",
        is_local=True,
        back_channel_url=back_channel_url or "",
    )
    with reporting_errors():
        _join_hub(draft, kind, dry_run=dry_run, yes=yes)


def _join_hub(draft: HubDraft, kind: str, *, dry_run: bool, yes: bool) -> None:
    if draft.ini.exists():
        _require_same_hub(draft)
        click.echo(f"{draft.ini}: exists already")
    else:
        click.echo("\n".join(draft.lines()))
        if not dry_run:
            if not yes:
                require_yes(f"\nWrite {draft.ini}?")
            octets = b"".join(encoded(f"{line}\n") for line in draft.lines())
            draft.folder.mkdir(parents=True, exist_ok=True)
            write_new(draft.ini, octets)
            click.echo(f"{draft.ini}: made")
    if dry_run:
        click.echo("\nNothing was written (--dry-run).")
        return
    for line in (*_make_secrets(draft), *make_files(Host.read(draft.ini), kind)):
        click.echo(line)
    print_remaining_steps(draft.ini)


def _make_secrets(draft: HubDraft) -> Iterator[str]:
    secrets = {draft.name_id_key: new_secret(), draft.citizens: to_json([])}
    for path, octets in secrets.items():
        if not path.exists():
            write(path, octets, mode=SECRET)
            yield f"{path}: made"


def _require_same_hub(draft: HubDraft) -> None:
    host = Host.read(draft.ini)
    urls = [guard.options.get("public_url", "").strip() for guard in host.guards]
    roles = {guard.options.get("role", "").strip() for guard in host.guards}
    if roles != {"hub"} or urls != [draft.public_url]:
        raise ConfigurationError(
            f"{draft.ini}: exists already, for another hub than "
            f"{draft.public_url}; expected another folder (--folder)"
        )
