"""The accent colour of a site: its shades in both themes, and their contrast.

The option ``accent`` colours links, buttons and outlines of the light theme. It must
pass WCAG 2.2 there: 4.5:1 for text (1.4.3), more than the 3:1 of outlines (1.4.11).
eilogin derives all other shades; they have the same hue, and pass too.
"""

import colorsys
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

#: The lowest contrast of text (WCAG 2.2, 1.4.3).
LOWEST = 4.5
#: In the dark theme: a little more than necessary.
_LOWEST_IN_THE_DARK = 6.0
#: Card and ground of both themes, as in ``base.css``.
LIGHT = ("#ffffff", "#f2f4f3")
DARK = ("#182122", "#101718")
#: Shares of the accent in a button below the pointer: the first readable one.
_TINTS = (0.1, 0.08, 0.06, 0.04, 0.02)
#: Share of black (dark theme: white) below the pointer.
_DEEPER = 0.25
#: In the text of a button (dark theme).
_IN_TEXT = 0.15
_STEPS = 512


class _RGB(NamedTuple):
    """A colour; each part is from 0 to 255."""

    red: int
    green: int
    blue: int


@dataclass(frozen=True)
class Shades:
    """The colours of one theme, as ``#rrggbb``."""

    #: Links, buttons, outlines.
    accent: str
    #: Below the pointer.
    accent_deep: str
    on_accent: str
    tint: str

    @property
    def css(self) -> str:
        """CSS custom properties."""
        return (
            f"--accent: {self.accent}; --accent-deep: {self.accent_deep};"
            f" --on-accent: {self.on_accent}; --tint: {self.tint};"
        )


@dataclass(frozen=True)
class Accent:
    """A readable accent colour, lower-case ``#rrggbb``."""

    colour: str

    @classmethod
    def of(cls, text: str) -> "Accent":
        """Read ``#154273``; ValueError has the nearest colour with enough contrast."""
        colour = text.strip().lower()
        if not re.fullmatch(r"#[0-9a-f]{6}", colour):
            raise ValueError("one colour of six hexadecimal digits, such as '#154273'")
        ratio = _lowest_contrast(colour, LIGHT)
        if ratio < LOWEST:
            raise ValueError(
                f"a colour with a contrast of at least {LOWEST}:1 on a light page"
                f" (WCAG 2.2, 1.4.3); this one has {_floored(ratio)}:1; the nearest"
                f" with the same hue is '{_readable(colour, LIGHT, LOWEST)}'"
            )
        return cls(colour)

    @cached_property
    def light(self) -> Shades:
        """The shades of the light theme."""
        return Shades(
            accent=self.colour,
            accent_deep=_mixed(self.colour, "#000000", _DEEPER),
            on_accent="#ffffff",
            tint=_tint_of(self.colour, LIGHT[0]),
        )

    @cached_property
    def dark(self) -> Shades:
        """The shades of the dark theme."""
        accent = _readable(self.colour, DARK, _LOWEST_IN_THE_DARK)
        return Shades(
            accent=accent,
            accent_deep=_mixed(accent, "#ffffff", _DEEPER),
            on_accent=_mixed("#000000", accent, _IN_TEXT),
            tint=_tint_of(accent, DARK[0]),
        )

    @cached_property
    def css(self) -> str:
        """CSS to follow the stylesheet."""
        return (
            f":root {{ {self.light.css} }}\n"
            f"@media (prefers-color-scheme: dark) {{ :root {{ {self.dark.css} }} }}\n"
        )


def contrast(colour: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(_rgb(colour)), _luminance(_rgb(other))))
    return (lighter + 0.05) / (darker + 0.05)


def _lowest_contrast(colour: str, surfaces: Iterable[str]) -> float:
    return min(contrast(colour, surface) for surface in surfaces)


def _readable(colour: str, surfaces: Iterable[str], lowest: float) -> str:
    """Find the nearest colour of the same hue: darker on light, lighter on dark."""
    red, green, blue = (part / 255 for part in _rgb(colour))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    is_light = all(_luminance(_rgb(surface)) > 0.5 for surface in surfaces)  # noqa: PLR2004
    end = 0.0 if is_light else 1.0
    # The last step is black or white.
    steps = (lightness + (end - lightness) * n / _STEPS for n in range(_STEPS + 1))
    colours = (_hex(colorsys.hls_to_rgb(hue, step, saturation)) for step in steps)
    return next(
        candidate
        for candidate in colours
        if _lowest_contrast(candidate, surfaces) >= lowest
    )


def _tint_of(accent: str, surface: str) -> str:
    tints = (_mixed(surface, accent, share) for share in _TINTS)
    return next(tint for tint in tints if contrast(accent, tint) >= LOWEST)


def _luminance(rgb: _RGB) -> float:
    """The relative luminance (WCAG 2.2), from 0 to 1."""
    parts = (part / 255 for part in rgb)
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_rgb(colour), _rgb(other), strict=True)
    return _hex(
        [(first * (1 - share) + second * share) / 255 for first, second in pairs]
    )


def _rgb(colour: str) -> _RGB:
    return _RGB(*bytes.fromhex(colour[1:]))


def _hex(parts: Iterable[float]) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def _floored(ratio: float) -> float:
    """Round down to one decimal, so that 4.49 is not 4.5."""
    return int(ratio * 10) / 10
