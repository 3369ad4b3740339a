"""How pages look: templates, stylesheet and sentences; ours, or a site's own.

A site has its own in a folder (``templates`` of the filter ``trust``)::

    cancelled.html   in the place of our template of that name
    _logo.html       a part of its own, for its own templates
    base.css         in the place of our stylesheet
    nl.po, en.po     sentences in the place of ours, under the same English ones
    de.po            another language of the pages; its name is the code of that

``{% extends "eilogin/cancelled.html" %}`` is our template, of which a block or two are
then otherwise; ``{% extends "base.html" %}`` the site's own where it has one.

What is wrong in the folder stops the start (:func:`require`). What only shows when a
page is made, such as a value that is not there, is in the log, and the visitor gets our
own page: a logout must not end at a slip in a text.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime, format_time, get_timezone
from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.support import NullTranslations, Translations
from babel.units import format_unit
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateSyntaxError,
    select_autoescape,
)

from eilogin import clock
from eilogin.errors import Fault, InvalidOptions
from eilogin.federation.colours import Accent
from eilogin.settings import did_you_mean
from eilogin.web.frame import call_url

#: The languages of all sites; the first one where a browser asks for none.
LANGUAGES = ("nl", "en")
#: That of a browser that asks for others, and of sentences without a translation.
FALLBACK = "en"

#: Rooms with templates, by their dotted names.
_ROOMS = ("eilogin.hub", "eilogin.portal", "eilogin.web")
#: Before the name of a template: ours, whatever the site has.
_OURS = "eilogin"
_STYLESHEET = "base.css"
#: A code of a language, with a script and a region or not, as browsers ask for it.
_CODE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
# A person reads the time of day of where these services are.
_ZONE = get_timezone("Europe/Amsterdam")
_TIME = {"nl": "H.mm 'uur'", "en": "H:mm"}
# One and more of them; Babel does not know all of these in Dutch.
_MINUTES = {"nl": ("minuut", "minuten"), "en": ("minute", "minutes")}
_HOURS = {"nl": ("uur", "uur"), "en": ("hour", "hours")}
#: What is put into a sentence, in either way of writing it.
_VALUE = re.compile(r"%\((\w+)\)s|\{(\w+)\}")
#: A percent sign that neither is written twice nor begins such a value.
_ODD_PERCENT = re.compile(r"(?<!%)(?:%%)*%(?![%(])")
_NO_LANGUAGE = (
    "is no catalogue of a language; expected its code, such as 'de.po' or 'pt-BR.po'"
)
#: Characters of a sentence, or of what somebody else says of it, in a fault.
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Look:
    """The templates in all languages."""

    #: The stylesheet that stands in each page.
    stylesheet: str
    #: Jinja's environment by language.
    _by_language: Mapping[str, Environment]

    def wearing(self, accent: Accent | None) -> str:
        """The stylesheet with the colour of a site."""
        return self.stylesheet if accent is None else f"{self.stylesheet}{accent.css}"

    def spoken(self, language: str) -> str:
        """A language that these templates have: this one, or English."""
        return language if language in self._by_language else FALLBACK

    def render(self, language: str, template: str, values: Mapping[str, Any]) -> str:
        """What a template makes of values. Raises whatever Jinja does."""
        return self._by_language[language].get_template(template).render(values)

    def parse(self, text: str) -> None:
        """Raise TemplateSyntaxError for a text that is no template."""
        self._by_language[LANGUAGES[0]].parse(text)


@cache
def look_of(rooms: tuple[str, ...], folder: Path | None) -> Look:
    """The templates of ``rooms`` before those of :mod:`eilogin.web`.

    ``folder`` has those of a site, which come first. Made once, for it takes a while.
    """
    ours = ChoiceLoader([PackageLoader(room) for room in (*rooms, __package__)])
    loaders: list[BaseLoader] = [ours, PrefixLoader({_OURS: ours})]
    stylesheet = packaged(f"templates/{_STYLESHEET}")
    if folder is not None:
        loaders.insert(0, FileSystemLoader(folder))
        own = folder / _STYLESHEET
        stylesheet = own.read_text("utf-8") if own.is_file() else stylesheet
    loader = ChoiceLoader(loaders)
    return Look(
        stylesheet,
        {one: _environment(loader, one, folder) for one in languages_of(folder)},
    )


@cache
def languages_of(folder: Path | None) -> tuple[str, ...]:
    """The languages of a site: ours, and those of the catalogues in its folder."""
    found = [] if folder is None else sorted(path.stem for path in folder.glob("*.po"))
    own = [code for code in found if code not in LANGUAGES and locale_of(code)]
    return (*LANGUAGES, *own)


@cache
def locale_of(code: str) -> Locale | None:
    """How a language writes times and numbers, by its code (BCP 47).

    None for a word that is no such code, or one that Babel does not know.
    """
    if not _CODE.fullmatch(code):
        return None
    try:
        return Locale.parse(code, sep="-")
    except (ValueError, UnknownLocaleError):
        return None


def own_name(code: str) -> str:
    """Return the name of a language in itself, such as ``Nederlands``."""
    locale = locale_of(code)
    return (locale and locale.get_display_name()) or code


@cache
def packaged(name: str) -> str:
    """The text of a file of ours, read once."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _environment(loader: BaseLoader, language: str, folder: Path | None) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    locale = locale_of(language)
    direction = locale.text_direction if locale else "ltr"
    environment.globals.update(language=language, direction=direction)
    environment.filters["call_url"] = call_url
    environment.filters["clock_time"] = _clock_time(language)
    environment.filters["duration"] = _duration(language)
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        _translations(language, folder), newstyle=True
    )
    return environment


# --- sentences --------------------------------------------------------------------


def _translations(language: str, folder: Path | None) -> NullTranslations:
    """The sentences of one language; English ones of ours are their own translation."""
    ours = _catalogue(language)
    if folder is not None and (own := folder / f"{language}.po").is_file():
        for message in _read(own.read_text("utf-8"), language):
            if _is_said(message):
                ours.delete(message.id)
                ours.add(message.id, message.string)
    if len(ours) == 0:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, ours)
    compiled.seek(0)
    return Translations(compiled)


def _catalogue(language: str) -> Catalog:
    if language != "nl":
        return Catalog(locale=locale_of(language))
    source = packaged(f"locale/{language}/LC_MESSAGES/eilogin.po")
    return read_po(io.StringIO(source), locale=language)


def _is_said(message: Message) -> bool:
    """Whether a catalogue has a translation of a sentence, and no doubt about it."""
    return bool(message.id and message.string and not message.fuzzy)


def _read(text: str, language: str) -> Catalog:
    return read_po(io.StringIO(text), locale=locale_of(language), abort_invalid=True)


def _clock_time(language: str) -> Any:
    locale = locale_of(language)

    def clock_time(instant: float | datetime) -> str:
        """``10.31 uur`` or ``10:31``, for seconds since 1970 or an aware datetime."""
        moment = instant if isinstance(instant, datetime) else clock.utc(instant)
        if language not in LANGUAGES:
            return format_time(moment, "short", tzinfo=_ZONE, locale=locale)
        return format_datetime(moment, _TIME[language], tzinfo=_ZONE, locale=language)

    return clock_time


def _duration(language: str) -> Any:
    locale = locale_of(language)

    def duration(hours: float) -> str:
        """``2 uur`` or ``2 hours``; ``90 minuten`` where the hours are not whole."""
        minutes = max(1, round(hours * 60))
        units, count = (_MINUTES, minutes) if minutes % 60 else (_HOURS, minutes // 60)
        if language not in LANGUAGES:
            unit = "minute" if minutes % 60 else "hour"
            return format_unit(count, unit, locale=locale)
        one, more = units[language]
        return f"{count} {one if count == 1 else more}"

    return duration


# --- a folder of a site's own -----------------------------------------------------


def require(folder: Path | None) -> None:
    """Raise InvalidOptions, with every fault, where a folder cannot be used."""
    found = [Fault("", "", "templates", *one) for one in faults(folder)]
    if found:
        raise InvalidOptions(found)


def faults(folder: Path | None) -> Iterator[tuple[str, str]]:
    """What is wrong in a folder: what was found, and what was expected."""
    known = _names()
    for path in () if folder is None else sorted(folder.iterdir()):
        name = path.name
        # What editors leave there.
        if name.startswith(".") or name.endswith("~"):
            continue
        try:
            for fault in _fault_of_name(name, known) or _faults_of(path):
                yield repr(name), fault
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            yield repr(name), f"line {line}: cannot be read as UTF-8 ({_said(error)})"
        except OSError as error:
            yield repr(name), f"cannot be read ({_said(error)})"


def _fault_of_name(name: str, known: Sequence[str]) -> Sequence[str]:
    """Return the fault in the name of a file, if it has one."""
    if name.startswith("_") or name in known:
        return ()
    stem, dot, kind = name.rpartition(".")
    if dot and kind == "po":
        return () if locale_of(stem) else (_NO_LANGUAGE,)
    hint = did_you_mean(name, known)
    expected = (
        f"expected the name of a page of ours, {_STYLESHEET}, or a catalogue such"
    )
    return (f"{expected} as nl.po{hint} (a part of your own: '_{name}')",)


def _names() -> Sequence[str]:
    templates = {
        file.name
        for room in _ROOMS
        for file in resources.files(room).joinpath("templates").iterdir()
        if file.name.endswith((".html", ".css"))
    }
    return sorted(templates | {f"{language}.po" for language in LANGUAGES})


def _faults_of(path: Path) -> Iterator[str]:
    if path.suffix not in {".po", ".css", ".html"}:
        return
    # All at once: then the error knows the place.
    text = path.read_bytes().decode()
    if path.suffix == ".po":
        yield from _faults_of_sentences(path.stem, text)
    if path.suffix == ".html":
        try:
            look_of((), None).parse(text)
        except TemplateSyntaxError as error:
            yield f"line {error.lineno}: {_said(error)}; expected a template of Jinja"


def _faults_of_sentences(language: str, text: str) -> Iterator[str]:
    try:
        own = _read(text, language)
    except (PoFileError, ValueError, UnknownLocaleError) as error:
        yield f"cannot be read ({_said(error)}); expected a catalogue of gettext"
        return
    yield from _faults_of_header(own, language, text)
    is_further = language not in LANGUAGES and not language.startswith("_")
    if is_further and not any(_is_said(message) for message in own):
        yield "has no sentence in that language; expected at least one"
    known = [message.id for message in _catalogue("nl") if message.id]
    for message in own:
        if message.id and (fault := _fault_of_sentence(message, known)):
            shown = repr(str(message.id)[:_LONGEST_SHOWN])
            yield f"line {message.lineno}: {shown} {fault}"


def _faults_of_header(own: Catalog, language: str, text: str) -> Iterator[str]:
    """What the header says of the language and the encoding, if that is not so.

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


def _fault_of_sentence(message: Message, known: Sequence[object]) -> str:
    if message.id not in known:
        return f"is no sentence of ours{did_you_mean(str(message.id), map(str, known))}"
    said, may = str(message.string), _values(message.id)
    if not _values(said) <= may:
        return f"has no other values than {', '.join(sorted(may)) or 'none'}"
    try:
        _ = said % dict.fromkeys(may, "")
        is_written = not _ODD_PERCENT.search(said)
    except (KeyError, TypeError, ValueError):
        is_written = False
    if not is_written:
        return "has a percent sign, which is written %%"
    return ""


def _values(sentence: object) -> set[str]:
    return {of or in_braces for of, in_braces in _VALUE.findall(str(sentence))}


def _said(error: Exception) -> str:
    return str(error)[:_LONGEST_SHOWN]
