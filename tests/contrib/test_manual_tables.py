"""Tables of the manual have whole rows.

In a simple table of reStructuredText, a line with text in its first column begins a new
row. A first cell of two lines needs a ``list-table``.
"""

from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from manual_blocks import MANUAL

PAGES = sorted(str(page.relative_to(MANUAL)) for page in Path(MANUAL).rglob("*.rst"))


@pytest.mark.parametrize("page", PAGES)
def test_no_row_has_a_first_cell_only(page):
    tree = publish_doctree((MANUAL / page).read_text())
    rows = [
        [cell.astext() for cell in row.findall(nodes.entry)]
        for body in tree.findall(nodes.tbody)
        for row in body.findall(nodes.row)
    ]
    assert [first for first, *others in rows if not any(others)] == []
