"""``eilogin keys list FILE``: the keys of a site, and the use of each now."""

from collections.abc import Sequence

import click
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from eilogin import clock
from eilogin.cli.commands.keys.site_arguments import of_a_site
from eilogin.cli.inifiles.ini_members import own_of_part
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.federation.local.local_keys import OwnKey, in_turn
from eilogin.saml.messages import write_instant
from eilogin.saml.signing_keys import fingerprints


@of_a_site
def list_keys(ini: IniFile, part: Part) -> None:
    """Print the keys of a site, and the use of each now."""
    own = own_of_part(ini, part)
    click.echo(own.entity_id)
    for key in own.keys:
        text = key.pair.certificate_text
        click.echo(
            f"{key.name or 'key'}: {key_state(own.keys, key)}; {_algorithm(key)}, "
            f"{_use(key)}"
            f" from {day_of(key.begins)} until {day_of(key.ends)}; {fingerprints(text)}"
        )


def key_state(keys: Sequence[OwnKey], key: OwnKey) -> str:
    """Describe the use of a key now."""
    now = clock.now()
    if key is in_turn([candidate for candidate in keys if candidate.signs], now):
        return "signs now"
    if not key.signs:
        return "decrypts"
    if key.begins > now:
        return f"published, will sign from {day_of(key.begins)}"
    if key.is_over(now):
        return "expired, decrypts only" if key.encrypts else "expired"
    return "published, no longer signs"


def _use(key: OwnKey) -> str:
    if key.signs and key.encrypts:
        return "signs and decrypts"
    return "signs" if key.signs else "decrypts"


def _algorithm(key: OwnKey) -> str:
    public = key.pair.public
    if isinstance(public, EllipticCurvePublicKey):
        return f"curve {public.curve.name}"
    return f"RSA {public.key_size}"


def day_of(instant: float) -> str:
    """Write an instant, without the time at midnight (UTC)."""
    return write_instant(instant).removesuffix("T00:00:00Z")
