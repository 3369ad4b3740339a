"""Templates, stylesheet and sentences of pages: those of eilogin, or a site's own.

A site has its own in a folder (``templates`` of the filter ``trust``)::

    cancelled.html   replaces eilogin's template of that name
    _logo.html       a part for the site's own templates
    base.css         replaces eilogin's stylesheet
    nl.po, en.po     replace sentences of eilogin, under the same keys
    de.po            adds a language, by its code

``{% extends "eilogin/cancelled.html" %}`` extends eilogin's template, and ``{% extends
"base.html" %}`` the site's own, if it has one.

A fault in the folder stops the start. If one only shows in a page, such as a missing
value, eilogin logs it and shows its own page: a slip in a text must not prevent a
logout.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from babel.dates import format_datetime, format_time, get_timezone
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
from eilogin.config import did_you_mean
from eilogin.errors import Fault, InvalidOptions
from eilogin.federation.local.accent_colours import Accent
from eilogin.web.pages.page_frame import call_url
from eilogin.web.pages.translations import (
    FALLBACK,
    LANGUAGES,
    faults_of_catalogue,
    faults_of_template,
    locale_of,
    sentences_for,
)

_ROOMS = ("eilogin.hub", "eilogin.portal", "eilogin.web")
_OURS = "eilogin"
_STYLESHEET = "base.css"
# The local time of these services.
_ZONE = get_timezone("Europe/Amsterdam")
_TIME = {"nl": "H.mm 'uur'", "en": "H:mm"}
# Babel does not know all of these in Dutch.
_MINUTES = {"nl": ("minuut", "minuten"), "en": ("minute", "minutes")}
_HOURS = {"nl": ("uur", "uur"), "en": ("hour", "hours")}
_NO_LANGUAGE = (
    "is no catalogue of a language; expected a language code as its name, such "
    "as 'de.po' or 'pt-BR.po'"
)
#: Characters.
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Look:
    """The templates in all languages."""

    stylesheet: str
    _by_language: Mapping[str, Environment]

    def wearing(self, accent: Accent | None) -> str:
        """The stylesheet with the accent colour of a site."""
        return self.stylesheet if accent is None else f"{self.stylesheet}{accent.css}"

    def spoken(self, language: str) -> str:
        """The language, if these templates have it, else English."""
        return language if language in self._by_language else FALLBACK

    def render(self, language: str, template: str, values: Mapping[str, Any]) -> str:
        """Render a template; raises any error of Jinja."""
        return self._by_language[language].get_template(template).render(values)

    @property
    def parser(self) -> Environment:
        """The parser of templates, which raises TemplateSyntaxError."""
        return self._by_language[FALLBACK]


@cache
def look_of(rooms: tuple[str, ...], folder: Path | None) -> Look:
    """Templates of a site's ``folder``, then of ``rooms``, then of eilogin.web."""
    eilogin_loader = ChoiceLoader(
        [PackageLoader(room) for room in (*rooms, "eilogin.web")]
    )
    loaders: list[BaseLoader] = [eilogin_loader, PrefixLoader({_OURS: eilogin_loader})]
    stylesheet = packaged(f"templates/{_STYLESHEET}")
    if folder is not None:
        loaders.insert(0, FileSystemLoader(folder))
        stylesheet_path = folder / _STYLESHEET
        stylesheet = (
            stylesheet_path.read_text("utf-8")
            if stylesheet_path.is_file()
            else stylesheet
        )
    loader = ChoiceLoader(loaders)
    return Look(
        stylesheet,
        {
            language: _environment(loader, language, folder)
            for language in languages_of(folder)
        },
    )


@cache
def languages_of(folder: Path | None) -> tuple[str, ...]:
    """Eilogin's languages, and those of the catalogues in a site's folder."""
    codes = [] if folder is None else sorted(path.stem for path in folder.glob("*.po"))
    further = [code for code in codes if code not in LANGUAGES and locale_of(code)]
    return (*LANGUAGES, *further)


@cache
def own_name(code: str) -> str:
    """Return the name of a language in itself, such as ``Nederlands``."""
    locale = locale_of(code)
    return (locale and locale.get_display_name()) or code


@cache
def packaged(name: str) -> str:
    """The text of a file of eilogin, read once."""
    return resources.files("eilogin.web").joinpath(name).read_text("utf-8")


def _environment(loader: BaseLoader, language: str, folder: Path | None) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        # Only files of a site change while it runs: do not look for others each time.
        auto_reload=folder is not None,
    )
    locale = locale_of(language)
    direction = locale.text_direction if locale else "ltr"
    environment.globals.update(language=language, direction=direction)
    environment.filters["call_url"] = call_url
    environment.filters["clock_time"] = _clock_time(language)
    environment.filters["duration"] = _duration(language)
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        sentences_for(language, folder), newstyle=True
    )
    return environment


# --- times ---------------------------------------------------------------------


def _clock_time(language: str) -> Any:
    locale = locale_of(language)

    def clock_time(instant: float | datetime) -> str:
        # "10.31 uur" or "10:31", for seconds since 1970 or an aware datetime.
        moment = instant if isinstance(instant, datetime) else clock.utc(instant)
        if language not in LANGUAGES:
            return format_time(moment, "short", tzinfo=_ZONE, locale=locale)
        return format_datetime(moment, _TIME[language], tzinfo=_ZONE, locale=language)

    return clock_time


def _duration(language: str) -> Any:
    locale = locale_of(language)

    def duration(hours: float) -> str:
        # "2 uur" or "2 hours"; "90 minuten" if the hours are not whole.
        minutes = max(1, round(hours * 60))
        units, count = (_MINUTES, minutes) if minutes % 60 else (_HOURS, minutes // 60)
        if language not in LANGUAGES:
            unit = "minute" if minutes % 60 else "hour"
            return format_unit(count, unit, locale=locale)
        singular, plural = units[language]
        return f"{count}\N{NO-BREAK SPACE}{singular if count == 1 else plural}"

    return duration


# --- a folder of a site's own -----------------------------------------------------


def require(folder: Path | None) -> None:
    """Raise InvalidOptions with every fault of a folder."""
    errors = [Fault("", "", "templates", *fault) for fault in faults(folder)]
    if errors:
        raise InvalidOptions(errors)


def faults(folder: Path | None) -> Iterator[tuple[str, str]]:
    """Yield the faults in a folder: as found, and as expected."""
    if folder is None:
        return
    expected_names = _names()
    for path in sorted(folder.iterdir()):
        name = path.name
        if name.startswith(".") or name.endswith("~"):
            continue
        try:
            for fault in _fault_of_name(name, expected_names) or _faults_of(path):
                yield repr(name), fault
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            yield (
                repr(name),
                f"line {line}: cannot be read as UTF-8 ({_short_text(error)})",
            )
        except OSError as error:
            yield repr(name), f"cannot be read ({_short_text(error)})"


def _fault_of_name(name: str, expected_names: Sequence[str]) -> Sequence[str]:
    if name.startswith("_") or name in expected_names:
        return ()
    stem, dot, kind = name.rpartition(".")
    if dot and kind == "po":
        return () if locale_of(stem) else (_NO_LANGUAGE,)
    hint = did_you_mean(name, expected_names)
    expected = (
        f"expected the name of a page of eilogin, {_STYLESHEET}, or a catalogue such"
    )
    return (f"{expected} as nl.po{hint} (for a template of your own: '_{name}')",)


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
    # Decoded as a whole, so that the error knows the line.
    text = path.read_bytes().decode()
    parser = look_of((), None).parser
    if path.suffix == ".po":
        yield from faults_of_catalogue(path, text, parser)
    if path.suffix == ".html":
        try:
            yield from faults_of_template(path, text, parser)
        except TemplateSyntaxError as error:
            cause = _short_text(error)
            yield f"line {error.lineno}: {cause}; expected a template of Jinja"


def _short_text(error: Exception) -> str:
    return str(error)[:_LONGEST_SHOWN]
