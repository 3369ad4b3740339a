"""Every kind of page in a real browser: the rules of WCAG, and accessibility trees.

A tree is what a screen reader gets of a page. The trees are kept in ``page_trees``, for
a person to read. This command writes them anew after an intended change::

    EILOGIN_WRITE_PAGE_TREES=1 python -m pytest tests/web/test_accessibility.py -k tree
"""

import os
import re
from pathlib import Path

import axe
import pytest
from chromium import DESK, SMALLEST, TOO_SMALL, launched
from keyboard import Keyboard
from kinds_of_pages import KINDS, LANGUAGES, PARTS, Catalogue

from tests.web.test_pages import TEMPLATES

pytestmark = [pytest.mark.real, pytest.mark.any_python]

TREES = Path(__file__).with_name("page_trees")
WRITES_TREES = os.environ.get("EILOGIN_WRITE_PAGE_TREES") == "1"
THEMES = ("light", "dark")
#: Kinds whose trees are kept in English too, and as a whole.
IN_ENGLISH = ("sign-in", "receipt-not-everywhere", "portal", "error", "warning")
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
def catalogue():
    with launched() as browser:
        page = browser.new_page(locale="nl-NL")
        complaints = []
        page.on("console", lambda said: complaints.append((said.type, said.text)))
        yield Catalogue(page)
        # Such as of a policy that blocks what the page needs.
        assert [text for kind, text in complaints if kind in ("error", "warning")] == []


def faults(page):
    """The faults of a page in both themes, on a small telephone and on a desk."""
    axe.inject(page)
    for untold in page.evaluate(UNTOLD_LISTS):
        yield f"a list that VoiceOver does not tell of: {untold}"
    for size in (SMALLEST, DESK):
        page.set_viewport_size(size)
        width = page.evaluate("document.scrollingElement.scrollWidth")
        if width > size["width"]:
            yield f"{size['width']}: the page is {width} pixels wide"
        for small in page.evaluate(TOO_SMALL):
            yield f"{size['width']}: hard to press: {small}"
        for theme in THEMES:
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
    found = list(faults(catalogue.page))
    if KINDS[kind].session:
        found = [fault for fault in found if not is_known(fault)]
    assert found == []
    # A page without scripts is the same without JavaScript.
    if catalogue.page.locator("script").count() and not KINDS[kind].session:
        catalogue.show(kind, language, scripts=False)
        assert list(faults(catalogue.page)) == []


def test_a_field_without_a_label_is_found(catalogue):
    catalogue.show("sign-in", "nl")
    assert list(faults(catalogue.page)) == []
    catalogue.page.evaluate("document.querySelector('label[for=username]').remove()")
    found = list(faults(catalogue.page))
    # Once at each width.
    assert len(found) == 2
    assert all(" label: " in fault for fault in found)


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
