"""Read the options of a section, or report all its faults."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pydantic import (
    ValidationError,
)
from pydantic_core import ErrorDetails

from eilogin.config.option_declarations import REGISTRY, Options, OptionsT, plain
from eilogin.config.option_lines import is_quoted, no_comments
from eilogin.config.redaction import shown_value
from eilogin.config.section_lookup import section_of
from eilogin.config.suggestions import did_you_mean
from eilogin.errors import Fault, InvalidOptions


def read(
    declared: type[OptionsT],
    global_conf: Mapping[str, str],
    local_conf: Mapping[str, str],
) -> OptionsT:
    """Read the options of one section, or raise InvalidOptions with all faults.

    PasteDeploy gives ``global_conf`` and ``local_conf`` to a factory.
    """
    file = global_conf.get("__file__", "")
    options, faults = attempt(declared, file, "", local_conf)
    if options is None:
        section = section_of(declared, file, local_conf)
        raise InvalidOptions([replace(fault, section=section) for fault in faults])
    return options


@contextmanager
def placing(
    declared: type[Options],
    global_conf: Mapping[str, str],
    local_conf: Mapping[str, str],
) -> Iterator[None]:
    """Add the file and the section to each fault that names no file."""
    try:
        yield
    except InvalidOptions as error:
        file = global_conf.get("__file__", "")
        section = section_of(declared, file, local_conf)
        raise InvalidOptions(
            [
                fault if fault.file else replace(fault, file=file, section=section)
                for fault in error.faults
            ]
        ) from error.__cause__


def attempt(
    declared: type[OptionsT], file: str, section: str, values: Mapping[str, str]
) -> tuple[OptionsT | None, list[Fault]]:
    """Read one section; return its options, or None and every fault of its ``values``.

    ``file`` and ``section`` are the place that the faults name.
    """
    try:
        return _validated(declared, file, values), []
    except ValidationError as error:
        faults = _faults_of(error, declared, file, section, values)
        details = error.errors(include_input=False, include_url=False)
    # pydantic checks rules between options only if each option is valid. Check them
    # without the unknown options, to report a slip and its consequence together.
    if all(detail["type"] == "extra_forbidden" for detail in details):
        fields = declared.model_fields
        known_values = {name: value for name, value in values.items() if name in fields}
        faults += attempt(declared, file, section, known_values)[1]
    return None, faults


def _validated(
    declared: type[OptionsT], file: str, values: Mapping[str, str]
) -> OptionsT:
    context = {"here": Path(file).absolute().parent} if file else None
    options = declared.model_validate(dict(values), context=context)
    options.remember_source(file, values)
    return options


def _faults_of(
    error: ValidationError,
    declared: type[Options],
    file: str,
    section: str,
    values: Mapping[str, str],
) -> list[Fault]:
    faults = []
    # Without the input and its repr: both may contain a secret.
    for detail in error.errors(include_input=False, include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        expected = _expected(declared, name, detail)
        if not name:
            name, expected = placed(declared, expected)
        value = str(values.get(name, ""))
        field = declared.model_fields.get(name) if name in values else None
        shown = "" if field is None else shown_value(field.annotation, value)
        if is_quoted(value, expected):
            # The text of the fault quotes the lines already.
            shown = ""
        faults.append(Fault(file, section, name, shown, expected + no_comments(value)))
    return faults


def placed(declared: type[Options], text: str) -> tuple[str, str]:
    """Split a text such as ``prefix: expected …`` into the option and the rest.

    Returns "" and the whole text if it begins with no option.
    """
    name, colon, rest = text.partition(": ")
    return (name, rest) if colon and name in declared.model_fields else ("", text)


def _expected(declared: type[Options], name: str, detail: ErrorDetails) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return "unknown option" + (
                _other_sections_with(name) or did_you_mean(name, declared.model_fields)
            )
        case "missing":
            return f"is required ({_purpose(declared.model_fields[name].description)})"
        case "value_error" if name:
            return f"expected {detail['ctx']['error']}"
        case "value_error":
            # A rule between options: its text names them.
            return str(detail["ctx"]["error"])
        case "literal_error":
            return f"expected {detail['ctx']['expected']}"
        case _:
            return f"expected: {detail['msg']}"


def _purpose(meaning: str | None) -> str:
    sentence = plain(meaning).partition(". ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def _other_sections_with(option: str) -> str:
    # "main" (egg:eilogin) counts only if no other filter or app declares the option.
    names = sorted(
        entry_point
        for entry_point, options in REGISTRY.items()
        if option in options.model_fields
    )
    filters = [name for name in names if name != "main"] or names
    return f"; it is an option of {' and '.join(map(repr, filters))}" if filters else ""
