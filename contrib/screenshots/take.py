"""Take pictures of all kinds of pages: see README.rst."""

import html
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import click

CHECKOUT = Path(__file__).parents[2]
# The kinds of pages are part of the tests.
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests" / "support")]

from chromium import DESK, TELEPHONE, launched  # noqa: E402 - found by now
from kinds_of_pages import KINDS, LANGUAGES, Catalogue  # noqa: E402

THEMES = ("light", "dark")


class Shot(NamedTuple):
    """A picture to take, and how the page is shown for it."""

    file: str
    kind: str
    language: str
    theme: str
    size: dict[str, int]


#: The pictures in contrib/manual/pictures.
OF_MANUAL = [
    Shot("sign-in.png", "sign-in", "en", "light", TELEPHONE),
    Shot("portal.png", "portal", "en", "light", {"width": 960, "height": 540}),
    Shot("warning.png", "warning", "en", "light", TELEPHONE),
    Shot("receipt.png", "receipt-on-the-way", "en", "dark", TELEPHONE),
]


@click.command(
    epilog="Example: python contrib/screenshots/take.py /tmp/pictures --only portal"
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(KINDS)),
    metavar="KIND",
    help="Takes pictures of this kind of page. Can be given several times. "
    "Default: all kinds.",
)
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    default=LANGUAGES[0],
    show_default=True,
    help="The language of the pages.",
)
@click.option(
    "--manual", is_flag=True, help="Takes the pictures of the manual instead."
)
def take(folder: Path, only: Sequence[str], language: str, *, manual: bool) -> None:
    """Take pictures of all kinds of pages, and write them to FOLDER.

    Each page is shown on a telephone and on a desk, in the light and in the dark theme.
    FOLDER/index.html shows all pictures.
    """
    shots = [
        Shot(f"{kind}-{size['width']}-{theme}.png", kind, language, theme, size)
        for kind, size, theme in product(only or KINDS, (TELEPHONE, DESK), THEMES)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    if manual:
        _take(folder, OF_MANUAL, full_page=False)
    else:
        _take(folder, shots, full_page=True)
        (folder / "index.html").write_text(_index(shots), "utf-8")


def _take(folder: Path, shots: Sequence[Shot], *, full_page: bool) -> None:
    with launched() as browser, click.progressbar(shots, file=sys.stderr) as bar:
        page = browser.new_page()
        catalogue = Catalogue(page)
        for shot in bar:
            page.set_viewport_size(shot.size)
            page.emulate_media(color_scheme=shot.theme)
            catalogue.show(shot.kind, shot.language)
            page.screenshot(path=folder / shot.file, full_page=full_page)


def _index(shots: Sequence[Shot]) -> str:
    """A page with all pictures, those of one kind beside each other."""
    rows = []
    for shot in shots:
        if not rows or not rows[-1].startswith(f"<h2>{shot.kind}<"):
            rows.append(f"<h2>{shot.kind}</h2>")
        rows[-1] += f'<img src="{html.escape(shot.file)}" alt="" loading="lazy">'
    style = "img { max-width: 24%; vertical-align: top; border: 1px solid; }"
    title = "Kinds of pages"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{style}</style><h1>{title}</h1>{''.join(rows)}</html>"
    )


if __name__ == "__main__":
    take()
