"""axe-core in a page: the rules of WCAG 2.2 (A and AA) that a program can check."""

from typing import TYPE_CHECKING

from real_parts import unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Page

_BASE = {
    # The pages in frames are kinds of pages too.
    "iframes": False,
    "resultTypes": ["violations", "incomplete"],
    # No text stands on a pseudo element of ours.
    "checks": {"color-contrast": {"options": {"ignorePseudo": True}}},
}
_ALL = {
    **_BASE,
    "runOnly": [
        "wcag2a",
        "wcag2aa",
        "wcag21a",
        "wcag21aa",
        "wcag22aa",
        "best-practice",
    ],
    # Part of wcag22aa, and off by default.
    "rules": {"target-size": {"enabled": True}},
}
#: What can differ between themes and widths.
_LOOKS = {
    **_BASE,
    "runOnly": {
        "type": "rule",
        "values": [
            "color-contrast",
            "link-in-text-block",
            "scrollable-region-focusable",
            "target-size",
        ],
    },
}
#: What axe finds, and what it cannot decide, a line for each element.
_RUN = """options => axe.run(document, options).then(found =>
    [...found.violations, ...found.incomplete].flatMap(({ id, nodes }) =>
        nodes.map(node => `${id}: ${node.html}: ${node.failureSummary}`)))"""


def inject(page: "Page") -> None:
    """Put axe-core into the document that a page shows now."""
    try:
        from axe_playwright_python.base import AXE_SCRIPT  # noqa: PLC0415 - extra
    except ImportError:
        unavailable("needs axe-core: pip install 'eilogin[test]'")
    page.evaluate(AXE_SCRIPT)


def faults(page: "Page", *, looks_alone: bool = False) -> list[str]:
    """Return the faults of the document as it looks now, such as in a dark theme.

    ``looks_alone`` leaves out the rules whose outcome depends on no theme or width.
    """
    found: list[str] = page.evaluate(_RUN, _LOOKS if looks_alone else _ALL)
    return found
