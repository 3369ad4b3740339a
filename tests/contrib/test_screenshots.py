"""The command that takes pictures of pages."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from unmeasured import unmeasured

pytestmark = [pytest.mark.real, pytest.mark.any_python]

CONTRIB = Path(__file__).parents[2] / "contrib"
TAKE = CONTRIB / "screenshots" / "take.py"


def take(*arguments):
    return subprocess.run(
        [sys.executable, TAKE, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=unmeasured(),
    )


def width_of(file):
    """The width in the header of a PNG file."""
    return struct.unpack(">I", file.read_bytes()[16:20])[0]


def test_takes_each_kind_at_both_widths_in_both_themes(tmp_path):
    done = take(tmp_path / "new", "--only", "sign-in", "--only", "warning")
    assert done.returncode == 0, done.stderr
    widths = {file.stem: width_of(file) for file in tmp_path.glob("new/*.png")}
    assert widths == {
        f"{kind}-{width}-{theme}": width
        for kind in ("sign-in", "warning")
        for width in (360, 1280)
        for theme in ("light", "dark")
    }
    index = (tmp_path / "new" / "index.html").read_text("utf-8")
    assert all(f'src="{name}.png"' in index for name in widths)


def test_says_what_it_does():
    told = take("--help").stdout
    assert "Take pictures of all kinds of pages" in told
    assert "Example:" in told


def test_the_manual_shows_its_pictures_which_are_small():
    folder = CONTRIB / "manual" / "pictures"
    pages = [*(CONTRIB / "manual").rglob("*.rst"), CONTRIB.parent / "README.rst"]
    text = "".join(page.read_text("utf-8") for page in pages)
    shown = set(re.findall(r"image:: (?:\S*/)?pictures/(\S+)", text))
    kept = {file.name: file.stat().st_size for file in folder.iterdir()}
    assert shown == set(kept)
    assert max(kept.values()) < 70_000
