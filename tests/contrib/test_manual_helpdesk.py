"""The pages for a help desk quote the sentences as the catalogues have them."""

import re
from difflib import get_close_matches
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from kinds_of_pages import KINDS, page_of
from lxml import html
from webob import Request

from eilogin.cli import main
from eilogin.participant import digid_profile
from eilogin.web.pages.translations import sentences

MANUAL = Path(__file__).parents[2] / "contrib/manual"
FOLDER = MANUAL / "help-desk"
#: The index of each language.
INDEXES = (FOLDER / "sentences.rst", FOLDER / "sentences-english.rst")
PAGES = [page for page in sorted(FOLDER.glob("*.rst")) if page not in INDEXES]
TROUBLE = MANUAL / "troubleshoot/index.rst"

#: Kinds of pages with which nobody calls: a demo, a portal, a statement, the way on.
_NOT_QUOTED = re.compile(
    r"(guide|portal|accessibility|auto-post|logged-out-in-frame)\b"
)
#: Sentences of pages with which nobody calls either.
_NO_CALL = re.compile(r"(guide|accessibility|demo_citizens|rehearsal)\b")
#: The most lines of a page.
_LONGEST = 300
#: Words in quotation marks that are said on the telephone.
_SPOKEN = {"Please do not tell me that number.", "B of Bernard", "U hebt geen toegang"}
#: Of a sentence, where a value is.
_VALUE = re.compile(r"%\(\w+\)s|\{\w+\}")


def as_quoted(sentence):
    """Return a sentence as the pages quote it."""
    shown = sentence.replace("%(reference)s", "K7F-4MP").replace("\u00ad", "")
    return _VALUE.sub("…", shown).replace("%%", "%")


def known():
    """Return the key of each sentence, and what it says in Dutch and in English."""
    dutch, english = sentences("nl"), sentences("en")
    texts = {key: (as_quoted(dutch[key]), as_quoted(english[key])) for key in english}
    of_digid = {one: digid_profile.error_texts(one, "") for one in digid_profile.TEXTS}
    of_digid["cancelled"] = digid_profile.cancel_texts("", "")
    for name, said in of_digid.items():
        texts[f"digid {name}"] = (said["nl"], said["en"])
    return texts


def quoted(text):
    """Return each pair of sentences of a page: Dutch in bold, then English."""
    tree = publish_doctree(text, settings_overrides={"report_level": 5})
    pairs = []
    for block in tree.findall(nodes.line_block):
        lines = [" ".join(line.astext().split()) for line in block.findall(nodes.line)]
        pairs += zip(lines[::2], lines[1::2], strict=True)
    return pairs


def faults(text, texts):
    """Say which line of a page to change, for each quote that no page shows."""
    lines = text.splitlines()

    def place(part):
        quotes = ((i, line) for i, line in enumerate(lines, 1) if "| " in line)
        return next((i for i, line in quotes if part in line), "?")

    for dutch, english in quoted(text):
        if (dutch, english) in texts.values():
            continue
        both = {f"{nl} {en}": key for key, (nl, en) in texts.items()}
        near = get_close_matches(f"{dutch} {english}", both, n=1, cutoff=0)[0]
        # The key is the one of the language that did not change, if there is one.
        same = [key for key, pair in texts.items() if {dutch, english} & {*pair}]
        key = same[0] if same else both[near]
        for said, now in zip((dutch, english), texts[key], strict=True):
            if said != now:
                yield f"line {place(said)}: {said!r} is now {now!r} ({key})"


def test_finds_the_quotes_of_the_pages():
    assert sum(len(quoted(page.read_text("utf-8"))) for page in PAGES) > 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_quotes_the_sentences_of_the_pages_exactly(page):
    text = page.read_text("utf-8")
    assert quoted(text)
    found = list(faults(text, known()))
    assert found == [], f"change {page.name}:\n" + "\n".join(found)


@pytest.mark.parametrize("language", [0, 1], ids=["Dutch", "English"])
def test_a_changed_sentence_fails_with_the_line_to_change(language):
    text = (FOLDER / "logging-in.rst").read_text("utf-8")
    texts = known()
    key = "no_access.title"
    before = texts[key][language]
    after = [*texts[key]]
    after[language] = "Geen toegang"
    quote = re.search(rf"\| (?:\*\*)?{re.escape(before)}", text)
    line = text[: quote.start()].count("\n") + 1
    found = set(faults(text, {**texts, key: tuple(after)}))
    assert found == {f"line {line}: {before!r} is now 'Geen toegang' ({key})"}


def section_of(node, page):
    """Return the link to the section that a node of a page is in."""
    while not isinstance(node, nodes.section | nodes.document):
        node = node.parent
    is_page = isinstance(node, nodes.document)
    return page.name if is_page else f"{page.name}#{node['ids'][0]}"


def entries_of(said):
    """Return the entries of the index for a quoted text: its first sentence."""
    said = said.removeprefix("Dat ligt niet aan u. ")
    said = said.removeprefix("It is not your fault. ")
    first = re.split(r"(?<=[.?!]) ", said)[0].rstrip(".:")
    yield first
    mark, _, rest = first.partition(": ")
    if mark in {"Let op", "Warning"}:
        yield rest[0].upper() + rest[1:]


def quoted_first(language):
    """Return the entries of each text that the pages quote, with links to sections."""
    found = set()
    for page in PAGES:
        tree = publish_doctree(page.read_text("utf-8"))
        for block in tree.findall(nodes.line_block):
            lines = [
                " ".join(one.astext().split()) for one in block.findall(nodes.line)
            ]
            for said in lines[language::2]:
                found |= {(one, section_of(block, page)) for one in entries_of(said)}
    return found


@pytest.mark.parametrize("language", [0, 1], ids=["Dutch", "English"])
def test_the_index_leads_from_each_first_sentence_to_its_sections(language):
    tree = publish_doctree(INDEXES[language].read_text("utf-8"))
    order, links = [], []
    for strong in tree.findall(nodes.strong):
        sentence = " ".join(strong.astext().split())
        order.append(sentence.lstrip("\u2026 ").casefold())
        found = strong.parent.findall(nodes.reference)
        links += [(sentence, one["refuri"]) for one in found]
    assert len(links) == len({*links})
    assert {*links} == quoted_first(language)
    assert order == sorted(order)


#: Sentences below a heading, which a citizen reads out.
_BELOW = re.compile(
    r"(error|form_not_sent|receipt\.(state|title)|sign_in\.(problem|why|instead|help))\b"
    r"|warning\.(soon|final|failed|ended|elsewhere|kept)|\w+\.lead\b|help_desk\.[^b]"
)


def test_the_index_has_the_sentences_below_the_headings_too():
    indexed = {sentence for sentence, _ in quoted_first(0)}
    said = {
        key: as_quoted(text)
        for key, text in sentences("nl").items()
        if _BELOW.match(key) and ".button" not in key and not _NO_CALL.match(key)
    }
    assert len(said) > 80
    missing = [key for key, text in said.items() if not {*entries_of(text)} & indexed]
    assert missing == []
    assert {"U bent nog niet overal uitgelogd", "Wilt u ingelogd blijven?"} <= indexed


@pytest.mark.parametrize("page", [*PAGES, *INDEXES], ids=lambda page: page.stem)
def test_is_short_enough_for_a_person_on_the_telephone(page):
    assert len(page.read_text("utf-8").splitlines()) <= _LONGEST


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_mentions_in_double_quotes_what_a_page_says(page):
    texts = [said for pair in known().values() for said in pair]
    mentioned = re.findall(r'"([^"]+)"', " ".join(page.read_text("utf-8").split()))
    beginnings = [one.rstrip("\u2026 ") for one in mentioned if one not in _SPOKEN]
    assert [
        one for one in beginnings if not any(said.startswith(one) for said in texts)
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_names_the_buttons_as_the_pages_do(page):
    dutch, english = sentences("nl"), sentences("en")
    pairs = {(as_quoted(dutch[key]), as_quoted(english[key])) for key in english}
    text = " ".join(page.read_text("utf-8").split())
    named = re.findall(r"(?<!\| )\*\*([^*]+)\*\* \(([^)]+)\)", text)
    assert [one for one in named if one not in pairs] == []


def test_has_the_heading_of_every_kind_of_page():
    everything = [
        dutch for page in PAGES for dutch, _ in quoted(page.read_text("utf-8"))
    ]
    patterns = [re.escape(one).replace("…", ".+") for one in everything]
    # The cancelled login of DigiD in the catalogue of kinds has words of its own.
    patterns.append("U heeft het inloggen geannuleerd")
    # A login at the hub itself has no service in its heading.
    patterns.append(re.escape(sentences("nl")["button.log_in"]))
    missing = {}
    for name, kind in KINDS.items():
        if kind.session is not None or _NOT_QUOTED.match(name):
            continue
        heading = html.fromstring(page_of(kind, "nl").body).find(".//h1")
        said = " ".join(heading.text_content().split())
        if not any(re.fullmatch(one, said) for one in patterns):
            missing[name] = said
    assert missing == {}


@pytest.mark.parametrize(
    "keys", [r"warning\.(?!button|minute|second)", r"sign_in\.problem\."]
)
def test_quotes_every_sentence_of_the_dialog_and_of_a_refused_password(keys):
    everything = [
        dutch for page in PAGES for dutch, _ in quoted(page.read_text("utf-8"))
    ]
    said = [
        as_quoted(text) for key, text in sentences("nl").items() if re.match(keys, key)
    ]
    assert [one for one in said if one not in everything] == []


def test_the_symptoms_have_the_words_of_the_pages():
    tree = publish_doctree(TROUBLE.read_text("utf-8"))
    named = [one.astext().replace("\n", " ") for one in tree.findall(nodes.emphasis)]
    said = tuple(as_quoted(text) for text in sentences("nl").values())
    assert len(named) > 6
    assert [one for one in named if not any(s.startswith(one) for s in said)] == []


def test_the_symptoms_name_commands_that_exist():
    text = TROUBLE.read_text("utf-8")
    found = re.findall(
        r"(?:``|^    )eilogin ([a-z]+)(?: ([a-z]+)\b(?!\.))?", text, re.MULTILINE
    )
    assert len(found) > 8
    for name, sub in found:
        assert name in main.commands
        assert not sub or sub in main.commands[name].commands, (name, sub)


def test_the_symptoms_name_error_codes_that_the_list_has():
    listed = (MANUAL / "reference/errors.rst").read_text("utf-8")
    text = TROUBLE.read_text("utf-8")
    # Causes of a login loop, and notes of eilogin check, are in other lists.
    codes = {*re.findall(r"``([a-z]+(?:-[a-z]+)+)\b", text)} - {
        "asked-again",
        "not-kept",
    }
    assert len(codes) > 10
    assert [one for one in codes if f"\n``{one}``" not in listed] == []


def test_curl_shows_the_redirect_and_the_cookie_of_a_login(eilogin_federation):
    assert "curl -s -o /dev/null -D - https://" in TROUBLE.read_text("utf-8")
    protect = {"mijn.test": {"protect": "/ basis"}}
    site = eilogin_federation({"mijn.test": lambda *_: []}, options=protect)
    asked = Request.blank("https://mijn.test/mijn", headers={"Accept": "*/*"})
    headers = asked.get_response(site).headers
    assert headers["Location"].startswith("https://inloggen.test/")
    assert "Set-Cookie" in headers
