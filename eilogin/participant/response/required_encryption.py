"""The option ``require_encryption``: parts that a hub must not send in clear text."""

from typing import Annotated

from pydantic import AfterValidator

from eilogin.config import Words
from eilogin.saml.response_checks import ENCRYPTABLE


def _encryptable(words: tuple[str, ...]) -> tuple[str, ...]:
    if not set(words) <= set(ENCRYPTABLE):
        raise ValueError("'assertion', 'attributes' or 'name-id', or several of them")
    return words


Encrypted = Annotated[Words, AfterValidator(_encryptable)]
