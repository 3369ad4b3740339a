"""The accent colour: what is refused, and that all its shades can be read."""

import re
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.federation.local.accent_colours import DARK, LIGHT, Accent, contrast

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


def surfaces(theme):
    """The card and the ground of a theme, as the stylesheet has them."""
    source = resources.files("eilogin.web").joinpath("templates/base.css")
    roots = re.findall(r":root \{(.*?)\}", source.read_text("utf-8"), re.DOTALL)
    return [re.search(rf"--{name}: (#\w+)", roots[theme])[1] for name in SURFACES]


SURFACES = ("paper", "ground")


def test_knows_the_surfaces_of_the_stylesheet():
    assert [*LIGHT] == surfaces(0)
    assert [*DARK] == surfaces(1)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21),
        ("#777777", "#ffffff", 4.48),
        ("#ffffff", "#777777", 4.48),
        ("#154273", "#154273", 1),
    ],
)
def test_computes_contrast_as_wcag_does(one, other, ratio):
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize(
    "text",
    ["", "blue", "#12345", "#1234567", "154273", "#15427g", "rgb(1,2,3)", "#123"],
)
def test_refuses_what_is_no_colour(text):
    with pytest.raises(ValueError, match="such as '#154273'"):
        Accent.of(text)


def test_takes_capitals_and_blanks():
    assert Accent.of(" #A90061 ").colour == "#a90061"


def test_names_the_nearest_colour_of_the_same_hue():
    with pytest.raises(ValueError, match=r"has 1\.2:1; the nearest .* is '#836e00'"):
        Accent.of("#ffd700")
    assert Accent.of("#836e00")
    with pytest.raises(ValueError, match="'#6f6f6f'"):
        Accent.of("#ffffff")


def test_colour_that_just_fails_is_not_told_to_pass():
    # 4.49:1 on the ground.
    with pytest.raises(ValueError, match=r"this one has 4\.[0-4]:1"):
        Accent.of("#757575")


def usable(colour):
    """The accent of a colour, or of the one that its refusal names."""
    try:
        return Accent.of(colour)
    except ValueError as error:
        return Accent.of(re.search("'(#[0-9a-f]{6})'$", str(error))[1])


@given(COLOURS)
def test_every_accent_can_be_read_in_both_themes(colour):
    accent = usable(colour)
    for shades, theme in ((accent.light, LIGHT), (accent.dark, DARK)):
        for surface in (*theme, shades.tint, shades.on_accent):
            assert contrast(shades.accent, surface) >= 4.5
            assert contrast(shades.accent_deep, surface) >= 4.5


def test_style_has_the_shades_of_both_themes():
    light, dark = Accent.of("#154273").css.split("@media (prefers-color-scheme: dark)")
    assert "--accent: #154273; --accent-deep: #103256; --on-accent: #ffffff" in light
    assert re.search("--accent: #[0-9a-f]{6}; .*--tint: #[0-9a-f]{6};", dark)
