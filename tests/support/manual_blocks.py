"""Literal blocks of the manual, which tests run as a reader would copy them::

    text = block("production/caches.rst", "nginx", "nginx")
    config = with_changes(text, {"listen 443 ssl": f"listen 127.0.0.1:{port} ssl"})

A test states each change that it makes, such as a port or a path.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree

MANUAL = Path(__file__).parents[2] / "contrib" / "manual"


def blocks(
    page: str | Path, section: str | None = None, language: str | None = None
) -> list[str]:
    """Return the literal blocks of a page, in its order.

    ``page`` is a file of the manual, or the path of any other page. ``section`` is a
    title: only blocks below it count. ``language`` is that of ``code-block``.
    """
    tree = _tree_of(MANUAL / page)
    place = tree if section is None else _section(tree, section)
    found = place.findall(nodes.literal_block)
    return [
        one.astext() for one in found if language is None or language in one["classes"]
    ]


def block(page: str | Path, section: str, language: str | None = None) -> str:
    """Return the one literal block that a section of a page has."""
    found = blocks(page, section, language)
    assert len(found) == 1, f"{page}, {section!r} has {len(found)} such blocks"
    return found[0]


def with_changes(text: str, changes: Mapping[str, str]) -> str:
    """Replace each key of ``changes`` by its value; every key must occur."""
    for old, new in changes.items():
        assert old in text, f"the manual does not say {old!r}"
        text = text.replace(old, new)
    return text


@cache
def _tree_of(file: Path) -> nodes.document:
    """Read a page once for all of its blocks."""
    return publish_doctree(file.read_text(), settings_overrides={"halt_level": 2})


def _section(tree: nodes.document, title: str) -> nodes.section:
    found = [
        one
        for one in tree.findall(nodes.section)
        if one.next_node(nodes.title).astext() == title
    ]
    assert len(found) == 1, f"{len(found)} sections are called {title!r}"
    return found[0]
