"""The sentences of the pages, by key and language; those of eilogin and of a site.

A template names a sentence by its key, such as ``receipt.button.delete``. eilogin's
catalogues are ``locale/en`` and ``locale/nl``; a site's are in its folder ``templates``
(``themes``). Missing sentences are in English; :class:`Sentences` raises LookupError
for an unknown key.
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

#: As browsers send it, maybe with a script and a region.
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
    return {str(one.id): str(one.string) for one in _ours(language) if one.id}


class Sentences(Translations):
    """The sentences of one language, with the methods that Jinja calls."""

    def gettext(self, message: str) -> str:
        """Return the sentence of a key; raises LookupError for an unknown one."""
        _refuse_key(message, said := super().gettext(message))
        return said

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the same in the plural form for ``n``."""
        said = super().ngettext(msgid1, msgid2, n)
        _refuse_key(msgid1 if n == 1 else msgid2, said)
        return said

    # Names that Jinja tries first.
    ugettext, ungettext = gettext, ngettext


def _refuse_key(key: str, sentence: str) -> None:
    """Raise LookupError for a key without a translation; other texts may lack one."""
    if sentence == key and _KEY.fullmatch(key):
        raise LookupError(f"no catalogue has the sentence {key!r}")


def sentences_for(language: str, folder: Path | None) -> Sentences:
    """The sentences of a site in one language.

    ``folder`` has its catalogues, or is None.
    """
    whole = Catalog(locale=locale_of(language))
    for one in dict.fromkeys((FALLBACK, language)):
        _add(whole, _ours(one) if one in LANGUAGES else ())
        if folder is not None and (own := folder / f"{one}.po").is_file():
            _add(whole, _read(own.read_text("utf-8"), one))
    compiled = io.BytesIO()
    write_mo(compiled, whole)
    compiled.seek(0)
    return Sentences(compiled)


def _add(whole: Catalog, more: "Catalog | tuple[()]") -> None:
    for message in more:
        if _is_said(message):
            whole.delete(message.id)
            whole.add(message.id, message.string)


@cache
def _ours(language: str) -> Catalog:
    file = f"locale/{language}/LC_MESSAGES/eilogin.po"
    return _read(
        resources.files("eilogin.web").joinpath(file).read_text("utf-8"), language
    )


def _is_said(message: Message) -> bool:
    """Whether a message has a translation that is not fuzzy."""
    return bool(message.id and message.string and not message.fuzzy)


def _read(text: str, language: str) -> Catalog:
    return read_po(io.StringIO(text), locale=locale_of(language), abort_invalid=True)


# --- what is wrong in a site's own ------------------------------------------------


def faults_of_catalogue(path: Path, text: str, parser: Environment) -> Iterator[str]:
    """Yield the faults in a catalogue of a site, with the line.

    ``parser`` reads the templates beside it, for their own sentences.
    """
    language = path.stem
    try:
        own = _read(text, language)
    except (PoFileError, ValueError, UnknownLocaleError) as error:
        yield f"cannot be read ({_said(error)}); expected a gettext catalogue"
        return
    yield from _faults_of_header(own, language, text)
    is_further = language not in LANGUAGES and not language.startswith("_")
    if is_further and not any(_is_said(message) for message in own):
        yield "has no sentence in its language; expected at least one"
    known = {**_asked_in(path.parent, parser), **_values_of_ours()}
    for message in own:
        if message.id and (fault := _fault_of_sentence(message, known)):
            shown = repr(_id_of(message)[:_LONGEST_SHOWN])
            yield f"line {message.lineno}: {shown} {fault}"


def untranslated(path: Path) -> tuple[int, int]:
    """How many of eilogin's sentences a catalogue lacks, and how many exist.

    An unreadable catalogue, reported elsewhere, counts as complete.
    """
    ours = sentences(FALLBACK)
    try:
        own = _read(path.read_text("utf-8"), path.stem)
    except (OSError, PoFileError, ValueError, UnknownLocaleError):
        return 0, len(ours)
    said = {_id_of(message) for message in own if _is_said(message)}
    return len(ours.keys() - said), len(ours)


def faults_of_template(path: Path, text: str, parser: Environment) -> Iterator[str]:
    """Yield the faults of a site's template: keys that no catalogue has."""
    known = _values_of_ours()
    english = path.parent / f"{FALLBACK}.po"
    try:
        own = _read(english.read_text("utf-8"), FALLBACK) if english.is_file() else ()
    except (PoFileError, ValueError):
        # Reported as the fault of the catalogue.
        return
    said = {_id_of(message) for message in own if _is_said(message)}
    for key, line, _ in _asked_by(text, parser):
        if _KEY.fullmatch(key) and key not in known and key not in said:
            yield (
                f"line {line}: {key[:_LONGEST_SHOWN]!r} is no key of a sentence "
                "of eilogin; expected such a key, or a sentence of your own in "
                f"{FALLBACK}.po{did_you_mean(key, known)}"
            )


def _asked_in(folder: Path, parser: Environment) -> dict[str, set[str]]:
    """The sentences in the templates of a site, and the values of each."""
    asked: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.html")):
        try:
            found = list(_asked_by(path.read_text("utf-8"), parser))
        except (OSError, UnicodeDecodeError, TemplateSyntaxError):
            # Reported as the fault of the template.
            continue
        for sentence, _, values in found:
            asked.setdefault(sentence, _values(sentence)).update(values)
    return asked


def _asked_by(text: str, parser: Environment) -> Iterator[tuple[str, int, set[str]]]:
    for call in parser.parse(text).find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or call.node.name not in _CALLS:
            continue
        for first in call.args[:1]:
            if isinstance(first, nodes.Const) and isinstance(first.value, str):
                yield first.value, call.lineno, {one.key for one in call.kwargs}


@cache
def _values_of_ours() -> Mapping[str, set[str]]:
    return {key: _values(said) for key, said in sentences(FALLBACK).items()}


def _faults_of_header(own: Catalog, language: str, text: str) -> Iterator[str]:
    said = {
        "Language": (str(own.locale_identifier).replace("_", "-"), language),
        "Content-Type": (own.charset.lower(), "utf-8"),
    }
    for name, (found, expected) in said.items():
        if found != expected:
            line = text.partition(f"{name}:")[0].count("\n") + 1
            what = "a charset of " if name == "Content-Type" else ""
            yield (
                f"line {line}: {name} says {what}{found[:_LONGEST_SHOWN]!r}; expected"
                f" {expected!r}"
            )


def _fault_of_sentence(message: Message, known: Mapping[str, set[str]]) -> str:
    key = _id_of(message)
    if key not in known:
        return f"is no key of a sentence of eilogin{_hint(key)}"
    said, may = _string_of(message), known[key]
    if not _values(said) <= may:
        return (
            "has an unknown value; expected no others than "
            f"{', '.join(sorted(may)) or 'none'}"
        )
    written = _written(sentences(FALLBACK).get(key, said))
    if odd := sorted(_written(said) - written):
        return f"writes a value as {odd[0]}; expected {', '.join(sorted(written))}"
    try:
        _ = said % dict.fromkeys(may, "")
        is_written = not _ODD_PERCENT.search(said)
    except (KeyError, TypeError, ValueError):
        is_written = False
    if not is_written:
        return "has a percent sign; expected %%"
    return ""


def _hint(key: str) -> str:
    english = sentences(FALLBACK)
    meant = next((one for one, said in english.items() if said == key), "")
    return f"; expected {meant!r}" if meant else did_you_mean(key, english)


def _id_of(message: Message) -> str:
    found: Any = message.id
    return str(found if isinstance(found, str) else found[0])


def _string_of(message: Message) -> str:
    found: Any = message.string
    return found if isinstance(found, str) else " ".join(found)


def _values(sentence: str) -> set[str]:
    return {of or in_braces for of, in_braces in _VALUE.findall(sentence)}


def _written(sentence: str) -> set[str]:
    """The placeholders as written: ``%(name)s``, or ``{name}``."""
    return {match[0] for match in _VALUE.finditer(sentence)}


def _said(error: Exception) -> str:
    return str(error)[:_LONGEST_SHOWN]
