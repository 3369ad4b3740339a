"""Read names, links and logos in mdui:UIInfo (mdui 2.1)."""

import re
from collections.abc import Sequence

from lxml import etree

from eilogin import logos
from eilogin.saml.metadata.descriptors.descriptor_parts import ByTag, Remark
from eilogin.saml.metadata.metadata_addresses import web_host
from eilogin.saml.metadata.metadata_texts import clean, line
from eilogin.saml.metadata.metadata_values import Logo
from eilogin.saml.printable_text import collapsed
from eilogin.saml.safe_xml import q

_LANGUAGE = q("xml:lang")
_SIDE = re.compile(r"\s*\+?(\d{1,5})\s*", re.ASCII)
_MOST_LOGOS = 8


def read_texts(ui_infos: Sequence[ByTag], name: str) -> dict[str, str]:
    """Return texts by language, from the first role that has any."""
    for ui_info in ui_infos:
        if elements := ui_info.get(q(name)):
            return {element.get(_LANGUAGE, ""): line(element) for element in elements}
    return {}


def read_links(ui_infos: Sequence[ByTag], name: str, remark: Remark) -> dict[str, str]:
    """Return links by language; skip other than web addresses, with a remark."""
    links = read_texts(ui_infos, name)
    usable = {language: link for language, link in links.items() if web_host(link)}
    if usable != links:
        remark("eilogin skips an InformationURL that is not a web address")
    return usable


def read_logos(ui_infos: Sequence[ByTag], remark: Remark) -> tuple[Logo, ...]:
    """Return the logos of the first role that has any; open no image."""
    for ui_info in ui_infos:
        if elements := ui_info.get(q("mdui:Logo")):
            all_logos = [*map(_read_logo, elements)]
            usable = [
                logo for logo in all_logos if _may_be_shown(logo) or web_host(logo.url)
            ]
            if usable != all_logos:
                kilobytes = logos.MOST // 1024
                remark(
                    "eilogin skips a Logo; expected a web address, or a data:"
                    f" address of a PNG or SVG image of at most {kilobytes} KiB"
                )
            # Pages never show a logo from the web, so it comes last.
            return tuple(sorted(usable, key=_is_of_web)[:_MOST_LOGOS])
    return ()


def _read_logo(element: etree._Element) -> Logo:
    width, height = (_SIDE.fullmatch(element.get(n, "")) for n in ("width", "height"))
    return Logo(
        collapsed(element.text or ""),
        int(width[1]) if width else 0,
        int(height[1]) if height else 0,
        clean(element.get(_LANGUAGE, "")),
    )


def _may_be_shown(logo: Logo) -> bool:
    return logos.is_candidate(logo.url)


def _is_of_web(logo: Logo) -> bool:
    return not _may_be_shown(logo)
