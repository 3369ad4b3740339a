"""Require that existing sections agree with the command line."""

import os
from pathlib import Path

from eilogin.cli.commands.joining.join_questions import (
    JoinWish,
)
from eilogin.cli.inifiles.ini_drafts import is_address
from eilogin.cli.inifiles.pipeline_wrapping import Host
from eilogin.config import split
from eilogin.errors import ConfigurationError


def require_same(host: Host, wish: JoinWish) -> None:
    """Require that the sections, which stay, agree with the command line."""
    applications = host.applications
    if wish.app and len(applications) == 1:
        (own,) = applications
        present = own.options.get("app", own.use)
        if present != wish.app:
            raise _disagreement(host, own.title, "app", present, wish.app)
    given = wish.given
    words = {name: given[name] for name in ("public_url", "name", "hub", "profile")}
    places = {
        "federation": given["federation"],
        "federation_certificate": given["operator_certificate"],
    }
    here = host.file.path.absolute().parent
    for name, wanted in {**words, **places}.items():
        for guard in host.guards if wanted is not None else ():
            present = guard.options.get(name, "").strip()
            is_same = present == str(wanted)
            if name in places:
                is_same = _place(here, present) == _place(Path.cwd(), str(wanted))
            if not is_same:
                raise _disagreement(host, guard.title, name, present, wanted)


def require_same_headers(host: Host, headers: tuple[str, ...]) -> None:
    """Require that the sections have these lines of ``headers``, if there are any."""
    for guard in host.guards if headers else ():
        present = split(guard.options.get("headers", ""))
        if present != headers:
            texts = "; ".join(present), "; ".join(headers)
            raise _disagreement(host, guard.title, "headers", *texts)


def _disagreement(
    host: Host, title: str, name: str, present: str, wanted: object
) -> ConfigurationError:
    return ConfigurationError(
        f"{host.file.path}: [{title}] {name}: found '{present}'; expected "
        f"'{wanted}', as you gave it. Change it in the file"
    )


def _place(here: Path, text: str) -> str:
    """Return an address, or the absolute path of a file."""
    return text if is_address(text) else os.path.normpath(here / text)
