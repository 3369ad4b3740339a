"""Every kind of page in a real browser: the rules of WCAG, and accessibility trees.

A tree is what a screen reader gets of a page. The trees are kept in ``page_trees``, for
a person to read. This command writes them anew after an intended change::

    EILOGIN_WRITE_PAGE_TREES=1 python -m pytest tests/web/test_accessibility.py -k tree
"""

import itertools
import os
import re
from pathlib import Path

import axe
import pytest
from chromium import DESK, SMALLEST, TOO_SMALL, launched
from keyboard import Keyboard
from kinds_of_pages import KINDS, LANGUAGES, PARTS, Catalogue

from eilogin.federation.local.accent_colours import LOWEST, Accent, contrast
from tests.web.pages.test_page_rendering import TEMPLATES

pytestmark = [pytest.mark.real, pytest.mark.any_python]

TREES = Path(__file__).with_name("page_trees")
WRITES_TREES = os.environ.get("EILOGIN_WRITE_PAGE_TREES") == "1"
THEMES = ("light", "dark")
#: Kinds whose trees are kept in English too, and as a whole.
IN_ENGLISH = ("sign-in", "receipt-not-everywhere", "portal", "error", "warning")
#: After so many tests, the next one gets a new tab.
TESTS_IN_A_TAB = 25
PAGE_TREES = [(kind, "nl") for kind in KINDS] + [(kind, "en") for kind in IN_ENGLISH]


#: What has the focus: an element, and its id.
FOCUSED = """() => {
    let one = document.activeElement;
    while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    return `${one.localName} ${one.id}`.trim();
}"""
#: What a screen reader says besides the tree: descriptions, languages of other parts of
#: the page, and which one of several is the current one.
SAID_BESIDES = """root => {
    const said = [];
    const tidy = text => text.replace(/\\s+/g, " ").trim();
    const look = element => {
        const name = tidy((element.labels?.[0] ?? element).textContent);
        const ids = element.getAttribute("aria-describedby");
        if (ids) {
            const here = element.getRootNode();
            const parts = ids.split(" ").map(id => here.getElementById(id));
            const what = element.role ?? element.localName;
            const which = what === "alertdialog" ? "" : ` "${name}"`;
            const text = tidy(parts.map(part => part.textContent).join(" "));
            said.push(`${what}${which} is described: ${text}`);
        }
        if (element.lang && element !== document.documentElement)
            said.push(`language ${element.lang}: ${element.role || name}`);
        if (element.ariaCurrent) said.push(`current: ${name}`);
        for (const one of (element.shadowRoot ?? element).children) look(one);
    };
    look(root);
    return said;
}"""
#: VoiceOver does not tell of a list without markers, unless it has the role of one.
UNTOLD_LISTS = """[...document.querySelectorAll("ul, ol")]
    .filter(list => list.role !== "list")
    .filter(list => getComputedStyle(list).listStyleType === "none")
    .map(list => list.outerHTML)"""


@pytest.fixture(scope="module")
def catalogues():
    """The catalogue for each test: a tab that has shown many pages becomes slow."""
    complaints = []

    def catalogues_in(browser):
        while True:
            page = browser.new_page(locale="nl-NL")
            page.on("console", lambda m: complaints.append((m.type, m.text)))
            yield from itertools.repeat(Catalogue(page), TESTS_IN_A_TAB)
            page.close()

    with launched() as browser:
        yield catalogues_in(browser)
        # Such as of a policy that blocks what the page needs.
        assert [text for kind, text in complaints if kind in ("error", "warning")] == []


@pytest.fixture
def catalogue(catalogues):
    """The catalogue in a tab that is as wide for each test."""
    catalogue = next(catalogues)
    catalogue.page.set_viewport_size(DESK)
    return catalogue


def faults(page, sizes=(SMALLEST, DESK), themes=THEMES):
    """The faults of a page in both themes, on a small telephone and on a desk."""
    axe.inject(page)
    for untold in page.evaluate(UNTOLD_LISTS):
        yield f"a list that VoiceOver does not tell of: {untold}"
    for size in sizes:
        page.set_viewport_size(size)
        width = page.evaluate("document.scrollingElement.scrollWidth")
        if width > size["width"]:
            yield f"{size['width']}: the page is {width} pixels wide"
        for small in page.evaluate(TOO_SMALL):
            yield f"{size['width']}: hard to press: {small}"
        for theme in themes:
            page.emulate_media(color_scheme=theme)
            # All rules once at each width.
            for fault in axe.faults(page, looks_alone=theme != "light"):
                yield f"{size['width']}, {theme}: {fault}"


def is_known(fault):
    """Whether axe cannot decide it: what is behind a dialog, it does not see."""
    return "Unable to determine contrast ratio" in fault


def test_every_template_is_a_kind_of_page():
    shown = {kind.template for kind in KINDS.values() if kind.template}
    assert shown == {name for _, name in TEMPLATES} - set(PARTS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_no_fault_that_a_program_finds(catalogue, kind, language):
    catalogue.show(kind, language)
    # The same page with other words looks the same on a desk and in the dark.
    looks = {} if language == "nl" else {"sizes": (SMALLEST,), "themes": ("light",)}
    found = list(faults(catalogue.page, **looks))
    if KINDS[kind].session:
        found = [fault for fault in found if not is_known(fault)]
    assert found == []
    # A page without scripts is the same without JavaScript.
    if catalogue.page.locator("script").count() and not KINDS[kind].session:
        catalogue.show(kind, language, scripts=False)
        assert list(faults(catalogue.page, **looks)) == []


def test_a_field_without_a_label_is_found(catalogue):
    catalogue.show("sign-in", "nl")
    assert list(faults(catalogue.page)) == []
    catalogue.page.evaluate("document.querySelector('label[for=username]').remove()")
    found = list(faults(catalogue.page))
    # Once at each width.
    assert len(found) == 2
    assert all(" label: " in fault for fault in found)


#: What there is to see in a part of the warning's dialog: each text with the size and
#: weight of its letters, its colour, and the colour of the nearest surface behind it.
SEEN_IN_DIALOG = """part => {
    const dialog = part.closest("dialog");
    const surface = element => {
        const colour = getComputedStyle(element).backgroundColor;
        const isClear = colour === "rgba(0, 0, 0, 0)";
        return isClear && element !== dialog ? surface(element.parentElement) : colour;
    };
    const seen = [];
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim();
        const element = walker.currentNode.parentElement;
        if (!text || !element.checkVisibility()) continue;
        const { color, fontSize, fontWeight } = getComputedStyle(element);
        const size = parseFloat(fontSize), weight = Number(fontWeight);
        seen.push({ text, size, weight, colours: [color, surface(element)] });
    }
    return seen;
}"""
#: The outline of what has the focus, its border, and the surface beside both.
OUTLINED = """element => {
    const style = getComputedStyle(element);
    return {
        isVisible: element.matches(":focus-visible"),
        width: parseFloat(style.outlineWidth),
        outline: style.outlineColor,
        border: style.borderTopColor,
        surface: getComputedStyle(element.closest("dialog")).backgroundColor,
    };
}"""
#: Letters from which on text is large (WCAG 2.2, 1.4.3), in pixels: any, and bold ones.
LARGE, LARGE_IF_BOLD, BOLD = 24, 18.66, 700
#: The lowest contrast of large text, and of what is no text (WCAG 2.2, 1.4.3, 1.4.11).
LOWEST_OF_LARGE = 3
WARNINGS = [kind for kind in KINDS if KINDS[kind].session]


def opaque(colour):
    """A colour such as ``rgb(10, 90, 96)`` as ``#0a5a60``; nothing shines through."""
    parts = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour)
    assert parts, colour
    return "#" + "".join(f"{int(part):02x}" for part in parts.groups())


@pytest.mark.parametrize("accent", [None, Accent.of("#a90061")], ids=["ours", "own"])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", WARNINGS)
def test_all_in_the_dialog_of_the_warning_can_be_read(
    catalogue, monkeypatch, kind, theme, accent
):
    """axe cannot measure it: it does not see what is behind a dialog."""
    monkeypatch.setattr(catalogue, "accent", accent)
    page = catalogue.page
    page.emulate_media(color_scheme=theme)
    catalogue.show(kind, "nl")
    dialog = page.get_by_role("alertdialog")
    if kind == "warning":
        # The answer to the button fails, and the dialog says so.
        page.evaluate("window.fetch = async () => new Response('', { status: 500 })")
        page.get_by_role("button").click()
        dialog.get_by_role("alert").filter(has_text="niet").wait_for()
    controls = dialog.locator("button, a")
    page.mouse.move(0, 0)
    seen = list(dialog.evaluate(SEEN_IN_DIALOG))
    for control in controls.all():
        control.hover()
        seen += control.evaluate(SEEN_IN_DIALOG)
    assert len(seen) >= 3 + controls.count()
    for one in seen:
        is_large = one["size"] >= LARGE or (
            one["size"] >= LARGE_IF_BOLD and one["weight"] >= BOLD
        )
        lowest = LOWEST_OF_LARGE if is_large else LOWEST
        assert contrast(*map(opaque, one["colours"])) >= lowest, one
    for control in controls.all():
        page.keyboard.press("Tab")
        control.focus()
        shown = control.evaluate(OUTLINED)
        assert shown["isVisible"]
        assert shown["width"] >= 2
        surface = opaque(shown["surface"])
        for edge in ("outline", "border"):
            assert contrast(opaque(shown[edge]), surface) >= LOWEST_OF_LARGE, shown


def test_a_colour_in_the_dialog_that_is_too_pale_is_found(catalogue):
    catalogue.page.emulate_media(color_scheme="light")
    catalogue.show("warning", "nl")
    dialog = catalogue.page.get_by_role("alertdialog")
    dialog.locator("p").first.evaluate("one => one.style.color = '#999999'")
    [pale] = [
        one
        for one in dialog.evaluate(SEEN_IN_DIALOG)
        if contrast(*map(opaque, one["colours"])) < LOWEST_OF_LARGE
    ]
    assert pale["text"].startswith("Wilt u ingelogd blijven?")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not KINDS[kind].session])
def test_the_tab_key_reaches_everything_in_order_and_shows_where_it_is(catalogue, kind):
    catalogue.show(kind, "nl")
    keyboard = Keyboard(catalogue.page)
    walked = list(keyboard.around())
    assert [focus for focus in walked if not focus.is_visible] == []
    # It begins at the heading, and comes to what is before that at the end.
    places = [focus.place for focus in walked]
    first = places.index(0) if places else 0
    assert places[first:] + places[:first] == list(range(keyboard.reachable))


def tree_of(page, kind):
    """The title of a page, where the focus is at first, and the tree of its main part.

    Of a few kinds it is the whole tree. A clock in it stands still. After the tree
    comes what a screen reader says besides.
    """
    whole = kind in IN_ENGLISH or KINDS[kind].session
    part = page.locator(":root" if whole else "main")
    tree = part.aria_snapshot()
    tree = re.sub(r"(?m)(- timer: )[\d:]+$", r"\g<1>0:00", tree)
    focus = page.evaluate(FOCUSED)
    besides = "".join(f"- {one}\n" for one in part.evaluate(SAID_BESIDES))
    more = f"besides:\n{besides}" if besides else ""
    return f"title: {page.title()}\nfocus: {focus}\n{tree}\n{more}"


@pytest.mark.parametrize(("kind", "language"), PAGE_TREES)
def test_a_screen_reader_gets_the_tree_that_was_read_and_kept(
    catalogue, kind, language
):
    catalogue.show(kind, language)
    file = TREES / f"{kind}.{language}.yaml"
    tree = tree_of(catalogue.page, kind)
    if WRITES_TREES:
        file.write_text(tree, "utf-8")
    assert tree == file.read_text("utf-8")


def test_no_tree_is_kept_of_a_kind_that_is_gone():
    kept = {file.name for file in TREES.iterdir()}
    assert kept == {f"{kind}.{language}.yaml" for kind, language in PAGE_TREES}
