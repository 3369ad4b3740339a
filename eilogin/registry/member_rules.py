"""``rules.ini``: the operator's rules, a section for each member.

A section is named after the entityID::

    [https://parkeren.example.nl/eilogin/metadata]
    sso_domain = gemeenten
    required_level = midden
    released_attributes =
        urn:oid:2.5.4.42

People edit the file too, so a change of a section keeps all else, comments too.
"""

import configparser
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from eilogin import config
from eilogin.config import Options, option
from eilogin.errors import ConfigurationError, Fault, InvalidOptions
from eilogin.saml.assurance_levels import LEVELS
from eilogin.saml.metadata import NO_SSO, Ruled, is_domain

NOTHING = "none"

HEAD = """\
# Rules for members: "eilogin federation rules --help" lists them.
# Each section is named after the entityID of its member.
"""


def _domain(value: str) -> str:
    if value and not is_domain(value):
        raise ValueError(
            "a name of a-z, 0-9, '.', '_' and '-', of at most 64 characters"
        )
    return value


def _is_no_name(line: str) -> bool:
    """Whether a line is no name: perhaps an indented section, else ignored."""
    return len(line.split()) > 1 or line.startswith("[")


def _names(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = config.split(value)
    if names == (NOTHING,):
        return frozenset()
    if not names or NOTHING in names or any(map(_is_no_name, names)):
        raise ValueError(f"names of attributes, one on each line, or '{NOTHING}' alone")
    return frozenset(names)


class MemberRule(Options):
    """The operator's rules for one member."""

    sso_domain: Annotated[str, AfterValidator(_domain)] = option(
        "Sets the SSO domain: members of one domain share a session."
        f" '{NO_SSO}': no shared session.",
        default="",
        shown="the default domain",
    )
    required_level: Literal["", "basis", "midden", "substantieel", "hoog"] = option(
        f"Sets the lowest level of a login for it: {', '.join(LEVELS)}.",
        default="",
        shown="none",
    )
    released_attributes: Annotated[frozenset[str] | None, BeforeValidator(_names)] = (
        option(
            "Limits the attributes that it gets, one on each line."
            f" '{NOTHING}': no attribute.",
            default=None,
            shown="as the hub releases",
        )
    )

    @property
    def ruled(self) -> Ruled:
        """The rules as metadata states them."""
        return Ruled(
            sso_domain=self.sso_domain,
            required_level=self.required_level,
            released=self.released_attributes,
        )

    @property
    def lines(self) -> list[str]:
        """The rules as lines of the file."""
        lines = []
        if self.sso_domain:
            lines.append(f"sso_domain = {self.sso_domain}")
        if self.required_level:
            lines.append(f"required_level = {self.required_level}")
        if self.released_attributes is not None:
            names = sorted(self.released_attributes) or [NOTHING]
            lines += ["released_attributes =", *(f"    {name}" for name in names)]
        return lines


def sections_of(path: Path) -> Mapping[str, Mapping[str, str]]:
    """The sections of an ini file, if any; raises ConfigurationError."""
    # No entityID can have this name.
    parser = configparser.RawConfigParser(default_section=" ", delimiters=("=",))
    try:
        parser.read_string(path.read_text("utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, configparser.Error) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{path}: {reason}") from error
    return {title: dict(parser.items(title)) for title in parser.sections()}


def read_rules(path: Path) -> dict[str, MemberRule]:
    """Read the rules by entityID; raises as :func:`sections_of`.

    A missing file is an error: an operator must state that all is allowed.
    """
    if not path.exists():
        raise ConfigurationError(
            f"{path}: does not exist; expected a file with the rules for members,"
            " which may be empty"
        )
    rules: dict[str, MemberRule] = {}
    faults: list[Fault] = []
    for entity_id, values in sections_of(path).items():
        rule, rule_faults = config.attempt(MemberRule, str(path), entity_id, values)
        if rule is not None:
            rules[entity_id] = rule
        faults += rule_faults
    if faults:
        raise InvalidOptions(faults)
    return rules


def with_rule(text: str, entity_id: str, rule: MemberRule) -> str:
    """Set or remove a rule in the text of the file; new sections are sorted."""
    title = f"[{entity_id}]"
    head, *sections = re.split(r"(?m)^(?=\[)", text or HEAD)
    titles = [_title(section) for section in sections]
    is_there = title in titles
    # People need not keep that order.
    later = (at for at, other in enumerate(titles) if other > title)
    at = titles.index(title) if is_there else next(later, len(titles))
    before, after = sections[:at], sections[at + is_there :]
    comments = _comments(sections[at]) if is_there else []
    options = [title, *rule.lines] if rule.lines else []
    lines = [*options, *comments]
    section = "".join(f"{line}\n" for line in lines)
    parts = [head, *before, section, *after]
    return "\n".join(f"{part.rstrip()}\n" for part in parts if part.strip())


def _title(section: str) -> str:
    return "".join(section.partition("\n")[0].rpartition("]")[:2])


def _comments(section: str) -> list[str]:
    return [line for line in section.splitlines() if line.startswith(("#", ";"))]
