"""The sentences of the pages, by key and language; those of eilogin and of a site.

A template names a sentence by its key, such as ``receipt.button.delete``. eilogin's
catalogues are ``locale/en`` and ``locale/nl``; a site's are in its folder ``templates``
(``themes``). Missing sentences are in English.
"""

import io
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.support import Translations
from jinja2 import Environment, TemplateSyntaxError, nodes

from eilogin.config import did_you_mean

#: The first is for a browser without a preference.
LANGUAGES = ("nl", "en")
#: For other preferences, and for missing sentences.
FALLBACK = "en"

#: A language code as browsers send it, maybe with a script and a region.
_CODE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_VALUE = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
#: A percent sign that is neither doubled nor the start of a placeholder.
_ODD_PERCENT = re.compile(r"(?<!%)(?:%%)*%(?![%(])")
_CALLS = ("_", "gettext", "ngettext")
#: Characters.
_LONGEST_SHOWN = 60


@cache
def locale_of(code: str) -> Locale | None:
    """The Babel locale of a language code (BCP 47), or None if unknown."""
    if not _CODE.fullmatch(code):
        return None
    try:
        return Locale.parse(code, sep="-")
    except (ValueError, UnknownLocaleError):
        return None


@cache
def sentences(language: str) -> Mapping[str, str]:
    """The sentences in ``nl`` or ``en`` by key, with ``%(name)s`` as values."""
    return {
        str(message.id): str(message.string)
        for message in _packaged_catalogue(language)
        if message.id
    }


class Sentences(Translations):
    """The sentences of one language, with the methods that Jinja calls."""

    def gettext(self, message: str) -> str:
        """Return the sentence of a key; raises LookupError for an unknown one."""
        _refuse_key(message, sentence := super().gettext(message))
        return sentence

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the same in the plural form for ``n``."""
        sentence = super().ngettext(msgid1, msgid2, n)
        _refuse_key(msgid1 if n == 1 else msgid2, sentence)
        return sentence

    # Names that Jinja tries first.
    ugettext, ungettext = gettext, ngettext


def _refuse_key(key: str, sentence: str) -> None:
    # Texts that are no keys may lack a translation.
    if sentence == key and _KEY.fullmatch(key):
        raise LookupError(f"no catalogue has the sentence {key!r}")


def sentences_for(language: str, folder: Path | None) -> Sentences:
    """The sentences of a site in one language; ``folder`` has its catalogues."""
    catalogue = Catalog(locale=locale_of(language))
    for code in dict.fromkeys((FALLBACK, language)):
        _add(catalogue, _packaged_catalogue(code) if code in LANGUAGES else ())
        if folder is not None and (path := folder / f"{code}.po").is_file():
            _add(catalogue, _read(path.read_text("utf-8"), code))
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Sentences(compiled)


def _add(catalogue: Catalog, messages: "Catalog | tuple[()]") -> None:
    for message in messages:
        if _is_translated(message):
            catalogue.delete(message.id)
            catalogue.add(message.id, message.string)


@cache
def _packaged_catalogue(language: str) -> Catalog:
    file = f"locale/{language}/LC_MESSAGES/eilogin.po"
    return _read(
        resources.files("eilogin.web").joinpath(file).read_text("utf-8"), language
    )


def _is_translated(message: Message) -> bool:
    return bool(message.id and message.string and not message.fuzzy)


def _read(text: str, language: str) -> Catalog:
    return read_po(io.StringIO(text), locale=locale_of(language), abort_invalid=True)


# --- what is wrong in a site's own ------------------------------------------------


def faults_of_catalogue(path: Path, text: str, parser: Environment) -> Iterator[str]:
    """Yield the faults in a site's catalogue; ``parser`` reads the templates there."""
    language = path.stem
    try:
        catalogue = _read(text, language)
    except (PoFileError, ValueError, UnknownLocaleError) as error:
        yield f"cannot be read ({_short_text(error)}); expected a gettext catalogue"
        return
    yield from _faults_of_header(catalogue, language, text)
    is_further = language not in LANGUAGES and not language.startswith("_")
    if is_further and not any(_is_translated(message) for message in catalogue):
        yield "has no sentence in its language; expected at least one"
    values_by_key = {**_used_in_folder(path.parent, parser), **_packaged_values()}
    for message in catalogue:
        if message.id and (fault := _fault_of_sentence(message, values_by_key)):
            shown = repr(_id_of(message)[:_LONGEST_SHOWN])
            yield f"line {message.lineno}: {shown} {fault}"


def untranslated(path: Path) -> tuple[int, int]:
    """Count eilogin's sentences that a catalogue lacks (0 if unreadable), and all."""
    packaged = sentences(FALLBACK)
    try:
        catalogue = _read(path.read_text("utf-8"), path.stem)
    except (OSError, PoFileError, ValueError, UnknownLocaleError):
        return 0, len(packaged)
    translated = {_id_of(message) for message in catalogue if _is_translated(message)}
    return len(packaged.keys() - translated), len(packaged)


def faults_of_template(path: Path, text: str, parser: Environment) -> Iterator[str]:
    """Yield the faults of a site's template: keys that no catalogue has."""
    packaged = _packaged_values()
    english = path.parent / f"{FALLBACK}.po"
    try:
        catalogue = (
            _read(english.read_text("utf-8"), FALLBACK) if english.is_file() else ()
        )
    except (PoFileError, ValueError):
        # Reported as the fault of the catalogue.
        return
    own_keys = {_id_of(message) for message in catalogue if _is_translated(message)}
    for key, line, _ in _used_in_template(text, parser):
        if _KEY.fullmatch(key) and key not in packaged and key not in own_keys:
            yield (
                f"line {line}: {key[:_LONGEST_SHOWN]!r} is no key of a sentence "
                "of eilogin; expected such a key, or a sentence of your own in "
                f"{FALLBACK}.po{did_you_mean(key, packaged)}"
            )


def _used_in_folder(folder: Path, parser: Environment) -> dict[str, set[str]]:
    values_by_key: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.html")):
        try:
            used = list(_used_in_template(path.read_text("utf-8"), parser))
        except (OSError, UnicodeDecodeError, TemplateSyntaxError):
            # Reported as the fault of the template.
            continue
        for sentence, _, values in used:
            values_by_key.setdefault(sentence, _values(sentence)).update(values)
    return values_by_key


def _used_in_template(
    text: str, parser: Environment
) -> Iterator[tuple[str, int, set[str]]]:
    for call in parser.parse(text).find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or call.node.name not in _CALLS:
            continue
        for argument in call.args[:1]:
            if isinstance(argument, nodes.Const) and isinstance(argument.value, str):
                yield (
                    argument.value,
                    call.lineno,
                    {keyword.key for keyword in call.kwargs},
                )


@cache
def _packaged_values() -> Mapping[str, set[str]]:
    return {key: _values(sentence) for key, sentence in sentences(FALLBACK).items()}


def _faults_of_header(catalogue: Catalog, language: str, text: str) -> Iterator[str]:
    fields = {
        "Language": (str(catalogue.locale_identifier).replace("_", "-"), language),
        "Content-Type": (catalogue.charset.lower(), "utf-8"),
    }
    for name, (found, expected) in fields.items():
        if found != expected:
            line = text.partition(f"{name}:")[0].count("\n") + 1
            noun = "a charset of " if name == "Content-Type" else ""
            yield (
                f"line {line}: {name} says {noun}{found[:_LONGEST_SHOWN]!r}; expected"
                f" {expected!r}"
            )


def _fault_of_sentence(message: Message, values_by_key: Mapping[str, set[str]]) -> str:
    key = _id_of(message)
    if key not in values_by_key:
        return f"is no key of a sentence of eilogin{_hint(key)}"
    sentence, allowed = _string_of(message), values_by_key[key]
    if not _values(sentence) <= allowed:
        return (
            "has an unknown value; expected no others than "
            f"{', '.join(sorted(allowed)) or 'none'}"
        )
    written = _written(sentences(FALLBACK).get(key, sentence))
    if odd := sorted(_written(sentence) - written):
        return f"writes a value as {odd[0]}; expected {', '.join(sorted(written))}"
    try:
        _ = sentence % dict.fromkeys(allowed, "")
        is_written = not _ODD_PERCENT.search(sentence)
    except (KeyError, TypeError, ValueError):
        is_written = False
    if not is_written:
        return "has a percent sign; expected %%"
    return ""


def _hint(key: str) -> str:
    english = sentences(FALLBACK)
    meant = next(
        (english_key for english_key, sentence in english.items() if sentence == key),
        "",
    )
    return f"; expected {meant!r}" if meant else did_you_mean(key, english)


def _id_of(message: Message) -> str:
    message_id: Any = message.id
    return str(message_id if isinstance(message_id, str) else message_id[0])


def _string_of(message: Message) -> str:
    string: Any = message.string
    return string if isinstance(string, str) else " ".join(string)


def _values(sentence: str) -> set[str]:
    return {of or in_braces for of, in_braces in _VALUE.findall(sentence)}


def _written(sentence: str) -> set[str]:
    """The placeholders as written: ``%(name)s``, or ``{name}``."""
    return {match[0] for match in _VALUE.finditer(sentence)}


def _short_text(error: Exception) -> str:
    return str(error)[:_LONGEST_SHOWN]
