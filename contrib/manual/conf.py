"""Settings of Sphinx for the manual: HTML with a search, and man pages.

::

    pip install -e '.[docs]'
    sphinx-build -W -n contrib/manual build/manual
    sphinx-build -W -n -b man contrib/manual build/man

The pages are plain files that also read well on a forge: they link to each other by
relative paths such as ``keys.rst#rotate-a-key``. Sphinx knows no such links, so this
file resolves them, and warns of a link whose file or anchor does not exist. ``-W``
makes each warning an error.

The manual has pages outside of this folder too, such as README.rst. So the source
folder is the root of the project, and the HTML has the same paths as the project.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docutils import nodes
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

HERE = Path(__file__).resolve().parent
HOUSE = HERE.parents[1]
#: Man pages: name, section, page of the manual, one line for ``apropos``.
MAN = [
    ("eilogin", 1, "reference/commands", "commands of eilogin"),
    ("eilogin.ini", 5, "reference/options", "options of eilogin's filters and apps"),
]

project = "eilogin"
version = release = metadata.version("eilogin")
# The pages name their author nowhere; a man page has no section for one.
author = ""
source_suffix = {".rst": "restructuredtext"}
root_doc = "contrib/manual/index"
include_patterns = ["*.rst", "contrib/**.rst"]
exclude_patterns = [".*", "build", "dist", "eilogin", "tests", "var", "**/*.egg-info"]
# Most literal blocks are commands and what they print, in no language.
highlight_language = "none"
# An example may leave something out ("…"), which its language does not know.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"eilogin {release}"
html_static_path = ["static"]
html_css_files = ["manual.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_use_index = False

man_pages = [
    (f"contrib/manual/{page}", name, description, "", section)
    for name, section, page, description in MAN
    if (HERE / f"{page}.rst").exists()
]

_logger = logging.getLogger(__name__)
#: A section's title, or a link to a page.
_TITLE_OR_LINK = re.compile(
    r"^(?P<title>\S.*)\n-{3,}$|<(?P<page>[^\s#>]+\.rst)(?:#\S*)?>`__", re.MULTILINE
)
_TOCTREE = """
.. toctree::
   :hidden:
   :caption: {caption}

"""


class _KeepNoLabels(SphinxTransform):
    """Keep the anchors of a page its own: the manual does not link by label.

    Sphinx wants each label only once in all pages, and warns of a second one.
    """

    # Before Sphinx collects the labels.
    default_priority = 840

    def apply(self) -> None:
        """Forget the names of the anchors."""
        self.document.nametypes.clear()


def setup(app: Sphinx) -> None:
    """Read the pages from the root of the project, and resolve their links."""
    app.srcdir = HOUSE
    app.add_transform(_KeepNoLabels)
    app.connect("source-read", _add_navigation)
    # Before Sphinx collects the files to copy.
    app.connect("doctree-read", _offer_files, priority=400)
    app.connect("doctree-resolved", _resolve_links)
    app.connect("doctree-resolved", _remove_contents)
    app.connect("build-finished", _lead_to_the_map)


def _add_navigation(_app: Sphinx, docname: str, content: list[str]) -> None:
    """Make the navigation of the links in ``index.rst``, so that both have one order.

    A page beside another ``index.rst`` is listed below that one.
    """
    chapters: dict[str, str] = {}
    for page, caption in _map().items():
        beside = f"{page.rpartition('/')[0]}/index"
        chapter = beside if page != beside and beside in _map() else root_doc
        if chapter == docname:
            start = _TOCTREE.format(caption=caption)
            chapters.setdefault(caption, start)
            chapters[caption] += f"   /{page}\n"
    title = re.match(r".+\n=+\n", content[0])
    if chapters and title:
        navigation = "".join(chapters.values())
        content[0] = f"{title[0]}{navigation}\n{content[0][title.end() :]}"


@cache
def _map() -> dict[str, str]:
    """Return the pages that ``index.rst`` links to, each with its section there."""
    pages: dict[str, str] = {}
    caption = ""
    for found in _TITLE_OR_LINK.finditer((HERE / "index.rst").read_text("utf-8")):
        caption = found["title"] or caption
        if found["page"] and (page := _docname(HERE / found["page"])):
            pages.setdefault(page, caption)
    return pages


def _docname(file: Path) -> str:
    """Return Sphinx's name of a page in this project, or nothing for another file."""
    file = file.resolve()
    is_page = file.suffix == ".rst" and file.is_relative_to(HOUSE)
    return file.relative_to(HOUSE).with_suffix("").as_posix() if is_page else ""


def _links(
    tree: nodes.document, docname: str
) -> Iterator[tuple[nodes.reference, Path, str]]:
    """Yield each relative link of a page, with its file and its anchor."""
    page = HOUSE / f"{docname}.rst"
    for node in tree.findall(nodes.reference):
        uri = urlsplit(node.get("refuri", ""))
        if (
            node.get("internal")
            or uri.scheme
            or uri.netloc
            or not (uri.path or uri.fragment)
        ):
            continue
        yield node, page.parent / unquote(uri.path) if uri.path else page, uri.fragment


def _offer_files(app: Sphinx, tree: nodes.document) -> None:
    """Turn links to other files into downloads, and links to folders into text."""
    for node, file, _ in list(_links(tree, app.env.docname)):
        if file.is_file() and not _docname(file):
            target = f"/{file.resolve().relative_to(HOUSE).as_posix()}"
            node.replace_self(
                download_reference("", "", *node.children, reftarget=target)
            )
        elif file.is_dir():
            node.replace_self(node.children)


def _resolve_links(app: Sphinx, tree: nodes.document, docname: str) -> None:
    """Turn links to pages into links to their HTML; warn of a missing target."""
    for node, file, anchor in list(_links(tree, docname)):
        target = _docname(file)
        if target not in app.env.found_docs:
            _logger.warning("no such page: %s", node["refuri"], location=node)
        elif anchor and anchor not in _anchors(app, target):
            _logger.warning("no such anchor: %s", node["refuri"], location=node)
        else:
            node["refuri"] = app.builder.get_relative_uri(docname, target)
            node["refuri"] += f"#{anchor}" if anchor else ""
            node["internal"] = True


@cache
def _anchors(app: Sphinx, docname: str) -> frozenset[str]:
    """Return the anchors of a page."""
    elements = app.env.get_doctree(docname).findall(nodes.Element)
    return frozenset(one for element in elements for one in element["ids"])


def _remove_contents(_app: Sphinx, tree: nodes.document, _docname: str) -> None:
    """Remove the table of contents that a page has for a forge: Sphinx has its own."""
    for topic in list(tree.findall(nodes.topic)):
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)


def _lead_to_the_map(app: Sphinx, exception: Exception | None) -> None:
    """Lead from the root of the HTML to the manual's map."""
    if exception is None and app.builder.format == "html":
        start = app.builder.get_target_uri(root_doc)
        (Path(app.outdir) / "index.html").write_text(
            "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>eilogin</title>"
            f'<meta http-equiv=refresh content="0; url={start}">'
            f'<p><a href="{start}">The manual of eilogin</a></p></html>\n'
        )
