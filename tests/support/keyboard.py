"""A visitor without a mouse: the Tab key, and what has the focus."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from firefox import Tab
    from playwright.sync_api import Page

#: What the Tab key has to reach: of a group of radio buttons, the chosen one.
_REACHABLE = """[...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, textarea, summary"
    )]
    .filter(one => one.checkVisibility() && (one.type !== "radio" || one.checked))
"""
#: The element with the focus, in the dialog of a warning too. A tile is outlined as a
#: whole.
_FOCUS = f"""() => {{
    let one = document.activeElement;
    while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    const box = one.getBoundingClientRect();
    const text = (one.labels?.[0] ?? one).innerText.trim();
    const isOutlined = ({{ outlineStyle, outlineWidth }}) =>
        outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    return [
        text.replace(/\\s+/g, " ") || one.ariaLabel || one.name || "",
        {_REACHABLE}.indexOf(one),
        box.width > 0 && box.top > -1 && box.bottom < innerHeight + 1
            && [null, "::after"].some(part => isOutlined(getComputedStyle(one, part))),
    ];
}}"""
#: Frames in which a busy browser has scrolled to what has the focus.
_FRAMES = 30
_NEXT_FRAME = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


class Focus(NamedTuple):
    """What has the focus: its name, its place among all that can have it, or -1."""

    name: str
    place: int
    is_visible: bool


class Keyboard:
    """The keyboard before a page."""

    def __init__(self, page: "Page | Tab") -> None:
        self._page = page

    @property
    def focus(self) -> Focus:
        """What has the focus now."""
        for _ in range(_FRAMES):
            focus = Focus(*self._page.evaluate(_FOCUS))
            if focus.is_visible or focus.place < 0:
                break
            self._page.evaluate(_NEXT_FRAME)
        return focus

    @property
    def reachable(self) -> int:
        """How many elements the Tab key has to reach."""
        count: int = self._page.evaluate(f"{_REACHABLE}.length")
        return count

    def press(self, key: str) -> "Keyboard":
        """Press a key."""
        self._page.keyboard.press(key)
        return self

    def type(self, text: str) -> "Keyboard":
        """Type a text where the focus is."""
        self._page.keyboard.type(text)
        return self

    def tab_to(self, name: str) -> "Keyboard":
        """Press Tab until the element of this name has the focus, if it has not yet.

        On the way to it, each element shows that it has the focus.
        """
        focus = self.focus
        if focus.name == name and focus.place >= 0:
            return self
        for focus in self.around():
            assert focus.is_visible, f"the focus on {focus.name!r} cannot be seen"
            if focus.name == name:
                return self
        raise AssertionError(f"the Tab key reaches no {name!r}")

    def around(self) -> Iterator[Focus]:
        """Press Tab, and again; what has the focus, until each element has had it."""
        left = self.reachable
        while left:
            # After the end of the page the browser itself may have it.
            if (focus := self.press("Tab").focus).place >= 0:
                yield focus
                left -= 1
