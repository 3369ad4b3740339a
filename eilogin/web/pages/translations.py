"""The sentences of the pages, by key and language; those of eilogin and of a site.

A template names a sentence by its key, such as ``receipt.button.delete``. eilogin's
catalogues are ``locale/en`` and ``locale/nl``. A site has catalogues of its own in the
folder that its option ``templates`` names (``themes``): ``nl.po`` and ``en.po`` replace
sentences of eilogin, and ``de.po`` adds a language.

If a language lacks a sentence, the sentence is in English. A page never shows a key: if
no catalogue has it, :class:`Sentences` raises LookupError.
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

#: The languages of all sites; the first one is for a browser without a preference.
LANGUAGES = ("nl", "en")
#: The language for a browser that prefers others, and for missing sentences.
FALLBACK = "en"

#: The code of a language as browsers send it, maybe with a script and a region.
_CODE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
#: The form of a key: the page first.
_KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
#: A placeholder in a sentence, in either notation.
_VALUE = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
#: A percent sign that is neither doubled nor the start of a placeholder.
_ODD_PERCENT = re.compile(r"(?<!%)(?:%%)*%(?![%(])")
#: The functions by which a template gets a sentence.
_CALLS = ("_", "gettext", "ngettext")
#: Most characters of a sentence, or of another library's message, in a fault.
_LONGEST_SHOWN = 60


@cache
def locale_of(code: str) -> Locale | None:
    """The Babel locale of a language code (BCP 47), for times and numbers.

    None if the code is invalid, or if Babel does not know it.
    """
    if not _CODE.fullmatch(code):
        return None
    try:
        return Locale.parse(code, sep="-")
    except (ValueError, UnknownLocaleError):
        return None


@cache
def sentences(language: str) -> Mapping[str, str]:
    """The sentences in ``nl`` or ``en``, by key, with values such as ``%(name)s``."""
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

    # The names that Jinja tries first.
    ugettext, ungettext = gettext, ngettext


def _refuse_key(key: str, sentence: str) -> None:
    """Raise LookupError for a key without a translation; other texts may lack one."""
    if sentence == key and _KEY.fullmatch(key):
        raise LookupError(f"no catalogue has the sentence {key!r}")


def sentences_for(language: str, folder: Path | None) -> Sentences:
    """The sentences of a site in one language.

    ``folder`` has the catalogues of the site, or is None.
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
    """The catalogue of eilogin, which nobody changes."""
    file = f"locale/{language}/LC_MESSAGES/eilogin.po"
    return _read(
        resources.files("eilogin.web").joinpath(file).read_text("utf-8"), language
    )


def _is_said(message: Message) -> bool:
    """Whether a catalogue has a translation of a sentence that is not fuzzy."""
    return bool(message.id and message.string and not message.fuzzy)


def _read(text: str, language: str) -> Catalog:
    return read_po(io.StringIO(text), locale=locale_of(language), abort_invalid=True)


# --- what is wrong in a site's own ------------------------------------------------


def faults_of_catalogue(path: Path, text: str, parser: Environment) -> Iterator[str]:
    """The faults in a catalogue of a site, with the line.

    ``parser`` reads the templates beside it, because the catalogue may have their own
    sentences too.
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
    """The number of eilogin's sentences that a catalogue lacks, and of all.

    A page shows these in English. A catalogue that cannot be read counts as complete:
    eilogin has reported its fault.
    """
    ours = sentences(FALLBACK)
    try:
        own = _read(path.read_text("utf-8"), path.stem)
    except (OSError, PoFileError, ValueError, UnknownLocaleError):
        return 0, len(ours)
    said = {_id_of(message) for message in own if _is_said(message)}
    return len(ours.keys() - said), len(ours)


def faults_of_template(path: Path, text: str, parser: Environment) -> Iterator[str]:
    """The faults of a site's template: keys that no catalogue has."""
    known = _values_of_ours()
    english = path.parent / f"{FALLBACK}.po"
    try:
        own = _read(english.read_text("utf-8"), FALLBACK) if english.is_file() else ()
    except (PoFileError, ValueError):
        # eilogin reports the fault of the catalogue.
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
    """The sentences that the templates of a site use, and the values of each."""
    asked: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.html")):
        try:
            found = list(_asked_by(path.read_text("utf-8"), parser))
        except (OSError, UnicodeDecodeError, TemplateSyntaxError):
            # eilogin reports the fault of the template.
            continue
        for sentence, _, values in found:
            asked.setdefault(sentence, _values(sentence)).update(values)
    return asked


def _asked_by(text: str, parser: Environment) -> Iterator[tuple[str, int, set[str]]]:
    """The sentences that a template uses: each with its line and its values."""
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
    """The faults of a catalogue's header: another language, or another encoding.

    A catalogue may lack a header.
    """
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
    """A hint at the likely key: of an English sentence, or the nearest key."""
    english = sentences(FALLBACK)
    meant = next((one for one, said in english.items() if said == key), "")
    return f"; expected {meant!r}" if meant else did_you_mean(key, english)


def _id_of(message: Message) -> str:
    """The key, or the text, of the first form of a message."""
    found: Any = message.id
    return str(found if isinstance(found, str) else found[0])


def _string_of(message: Message) -> str:
    """All forms of a message."""
    found: Any = message.string
    return found if isinstance(found, str) else " ".join(found)


def _values(sentence: str) -> set[str]:
    return {of or in_braces for of, in_braces in _VALUE.findall(sentence)}


def _written(sentence: str) -> set[str]:
    """The placeholders of a sentence as written: ``%(name)s``, or ``{name}``."""
    return {match[0] for match in _VALUE.finditer(sentence)}


def _said(error: Exception) -> str:
    return str(error)[:_LONGEST_SHOWN]
