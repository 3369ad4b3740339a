"""Types of options that are secrets: a value, or the place that holds it."""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import (
    BeforeValidator,
    SecretBytes,
    ValidationInfo,
)

from eilogin import metrics
from eilogin.config.option_paths import from_ini
from eilogin.errors import ConfigurationError


def _secret(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    kind, _, name = value.strip().partition(":")
    match kind:
        case "env":
            if name not in os.environ:
                # By mistake it may be the secret itself, which no log may show.
                is_name = re.fullmatch(r"[A-Za-z0-9_]{1,64}", name)
                shown_name = name if is_name else "behind 'env:'"
                raise ValueError(f"the environment variable {shown_name} to be set")
            secret = os.environ[name].encode()
        case "credential":
            folder = os.environ.get("CREDENTIALS_DIRECTORY")
            if not folder:
                raise ValueError("systemd to pass credentials (LoadCredential=)")
            secret = _content(Path(folder, name))
        case "file":
            secret = _content(from_ini(name, info))
        case _:
            secret = value.strip().encode()
    if not secret:
        raise ValueError("a secret that is not empty")
    return secret


#: The fewest bytes of a secret that nobody can guess.
_SHORTEST_SECRET = 16


def _secrets(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    secrets = tuple(_secret(line, info) for line in value.split("\n") if line.strip())
    if any(len(secret) < _SHORTEST_SECRET for secret in secrets):  # type: ignore[arg-type]
        raise ValueError(
            f"secrets of at least {_SHORTEST_SECRET} bytes, each on its own line"
        )
    return secrets


def _long_secret(value: object, info: ValidationInfo) -> object:
    secret = _secret(value, info)
    if isinstance(secret, bytes) and len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"a secret of at least {_SHORTEST_SECRET} bytes")
    return secret


def _metrics_token(value: object, info: ValidationInfo) -> object:
    try:
        metrics.require()
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return _long_secret(value, info)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError:
        raise ValueError(f"a readable file at {path}") from None


Secret = Annotated[SecretBytes, BeforeValidator(_secret)]


#: A secret that others must not find by trying.
LongSecret = Annotated[SecretBytes, BeforeValidator(_long_secret)]


MetricsToken = Annotated[SecretBytes, BeforeValidator(_metrics_token)]


#: Several secrets, one for each line, the newest first.
Secrets = Annotated[tuple[SecretBytes, ...], BeforeValidator(_secrets)]
