"""The parts of a Response that are signed or encrypted, by participant."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator

from eilogin.hub.participants.entity_options import EVERYBODY, read_by_entity, value_for

Sign = Literal["assertion", "response", "both"]
Encrypt = Literal["off", "when-possible", "required"]


def signed_for(lines: Mapping[str, Sign], entity_id: str) -> Sign:
    """Return the signed parts of a Response."""
    return value_for(lines, entity_id) or "both"


def encrypted_for(lines: Mapping[str, Encrypt], entity_id: str) -> Encrypt:
    """Return whether to encrypt assertions."""
    return value_for(lines, entity_id) or "off"


def _read(value: object, choices: Sequence[str]) -> object:
    *most, last = map(repr, choices)
    expected = f"{', '.join(most)} or {last}, or lines of an entityID or '*' and one"
    if isinstance(value, str) and len(value.split()) == 1:
        value = f"{EVERYBODY} {value.strip()}"

    def read_choice(words: Sequence[str]) -> str | None:
        return next((choice for choice in choices if [choice] == words), None)

    return read_by_entity(value, expected, read_choice)


def _read_sign(value: object) -> object:
    return _read(value, get_args(Sign))


def _read_encrypt(value: object) -> object:
    return _read(value, get_args(Encrypt))


SignLines = Annotated[Mapping[str, Sign], BeforeValidator(_read_sign)]
EncryptLines = Annotated[Mapping[str, Encrypt], BeforeValidator(_read_encrypt)]
