"""Require that existing sections agree with the command line."""

import os
from pathlib import Path

from eilogin.cli.commands.joining.join_questions import JoinWish
from eilogin.cli.inifiles.ini_drafts import is_address
from eilogin.cli.inifiles.pipeline_wrapping import Host
from eilogin.config import split
from eilogin.errors import ConfigurationError


def require_same(host: Host, wish: JoinWish) -> None:
    """Require the same application and options."""
    applications = host.applications
    if wish.app and len(applications) == 1:
        (application,) = applications
        ini_value = application.options.get("app", application.use)
        if ini_value != wish.app:
            raise _disagreement(host, application.title, "app", ini_value, wish.app)
    options = wish.filter_options
    plain_values = {
        name: options[name] for name in ("public_url", "name", "hub", "profile")
    }
    path_values = {
        "federation": options["federation"],
        "federation_certificate": options["operator_certificate"],
    }
    ini_folder = host.file.path.absolute().parent
    for name, expected in {**plain_values, **path_values}.items():
        for guard in host.guards if expected is not None else ():
            ini_value = guard.options.get(name, "").strip()
            is_same = ini_value == str(expected)
            if name in path_values:
                is_same = _absolute(ini_folder, ini_value) == _absolute(
                    Path.cwd(), str(expected)
                )
            if not is_same:
                raise _disagreement(host, guard.title, name, ini_value, expected)


def require_same_headers(host: Host, headers: tuple[str, ...]) -> None:
    """Require the same lines of ``headers``, if any are given."""
    for guard in host.guards if headers else ():
        ini_lines = split(guard.options.get("headers", ""))
        if ini_lines != headers:
            texts = "; ".join(ini_lines), "; ".join(headers)
            raise _disagreement(host, guard.title, "headers", *texts)


def _disagreement(
    host: Host, title: str, name: str, ini_value: str, expected: object
) -> ConfigurationError:
    return ConfigurationError(
        f"{host.file.path}: [{title}] {name}: found '{ini_value}'; expected "
        f"'{expected}', as you gave it. Change it in the file"
    )


def _absolute(folder: Path, value: str) -> str:
    return value if is_address(value) else os.path.normpath(folder / value)
