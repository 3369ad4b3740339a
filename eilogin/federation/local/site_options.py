"""The options that say how a site presents itself: address, name, looks, help."""

from collections.abc import Iterator
from typing import Literal

from pydantic import model_validator

from eilogin.config import (
    Folder,
    OptionNote,
    Options,
    PathPrefix,
    PublicURL,
    SitePath,
    WebAddress,
    option,
)
from eilogin.federation.local.accessibility import (
    ContactAddress,
    Day,
    Gaps,
    Status,
    notes_on_age,
    require_whole,
)
from eilogin.federation.local.appearance import AccentColour, FooterLinks, Logo
from eilogin.federation.local.local_entity import PARTICIPANT
from eilogin.federation.local.option_values import Keywords


class SiteOptions(Options):
    """The options of a site that its visitors notice; its keys are not among them."""

    role: Literal["participant", "hub"] = option(
        "Says what this site is: ``participant``, or ``hub`` for the filter "
        "before the hub itself.",
        default=PARTICIPANT,
    )
    public_url: PublicURL = option(
        "Names the address at which visitors find this site: scheme and "
        "host. If the site is mounted below a path, add that path."
    )
    prefix: PathPrefix = option(
        "Sets the path below which eilogin has its own addresses.",
        default="/eilogin",
        shown="``/eilogin``; the hub: ``/``",
    )
    entity_id: str = option(
        "Sets the entityID of this site: its name in the federation.",
        default="",
        shown="the address of its metadata",
    )
    name: str = option(
        "Sets the name of this site as people know it.",
        default="",
        shown="the host name",
    )
    name_en: str = option("Sets that name in English.", default="", shown="as ``name``")
    description: str = option(
        "Says in one sentence what this site offers. It is part of the "
        "metadata, and portals show it.",
        default="",
    )
    description_en: str = option("Sets that sentence in English.", default="")
    keywords: Keywords = option(
        "Puts these words into the metadata, so that people find the site "
        "in a portal. Separate them with commas, such as ``rijbewijs, "
        "paspoort, geld lenen``; at most 20.",
        default=(),
        shown="none",
    )
    keywords_en: Keywords = option(
        "Sets those words in English.", default=(), shown="as ``keywords``"
    )
    link: SitePath = option(
        "Names the page of this site to which a portal leads. Path, such as ``/mijn``.",
        default="",
        shown="the first page",
    )
    telephone: str = option(
        "Sets the telephone number of your help desk, as pages show it. You "
        "can add its hours, such as ``14 0123 (9.00-17.00)``.",
        default="",
    )
    email: str = option("Sets the e-mail address of your help desk.", default="")
    templates: Folder | None = option(
        "Names a folder with your own texts and looks for eilogin's pages: "
        "templates, ``base.css`` and sentences (``nl.po``, ``en.po``).",
        default=None,
        shown="none",
    )
    logo: Logo = option(
        "Shows this image before the name on every page. SVG or PNG file of "
        "at most 32 KiB, without scripts and without references to other "
        "files.",
        default="",
        shown="eilogin's mark",
    )
    accent: AccentColour | None = option(
        "Gives links, buttons and outlines this colour, such as "
        "``#154273``. It needs a contrast of 4.5:1 on a light page. eilogin "
        "derives the colours of the dark theme from it.",
        default=None,
        shown="eilogin's green",
    )
    footer: FooterLinks = option(
        "Shows these links below every page, one on each line. A line has "
        "``privacy``, ``accessibility`` or ``contact`` and an address, or "
        "an address and the text of the link. An address begins with "
        "``https:``, ``mailto:``, or ``/`` on this site.",
        default=(),
        shown="none",
    )
    accessibility_status: Status = option(
        "Publishes an accessibility statement at ``/eilogin/accessibility`` "
        "(the hub: ``/accessibility``), with a link in the footer. The "
        "value says how far the pages meet the requirements: ``full``, "
        "``partly``, ``first`` (first measures taken) or ``none``.",
        default="",
        shown="no statement",
    )
    accessibility_date: Day = option(
        "Sets the day on which the statement was drawn up, such as "
        "``2026-12-01``. Required with a statement.",
        default=None,
        shown="none",
    )
    accessibility_contact: ContactAddress = option(
        "Names the address where visitors report what does not work for "
        "them: an e-mail address or the address of a page.",
        default="",
        shown="``email``",
    )
    accessibility_report: WebAddress = option(
        "Names the address of the audit report. Required with ``full`` and ``partly``.",
        default="",
        shown="none",
    )
    accessibility_gaps: Gaps = option(
        "Lists what does not work yet in these pages, one sentence on each "
        "line. Required with ``partly`` and ``first``.",
        default=(),
        shown="none",
    )
    accessibility_gaps_en: Gaps = option(
        "Lists the same in English.", default=(), shown="as ``accessibility_gaps``"
    )
    accessibility_appeal: WebAddress = option(
        "Names the address for visitors who are not satisfied with your answer.",
        default="",
        shown="the Nationale ombudsman",
    )

    @model_validator(mode="after")
    def _leaves_room_for_the_application(self) -> "SiteOptions":
        if self.role == PARTICIPANT and not self.prefix:
            raise ValueError("prefix: expected a path such as '/eilogin'")
        return self

    @model_validator(mode="after")
    def _states_all_of_its_accessibility(self) -> "SiteOptions":
        names = [
            name
            for name in self.model_fields_set
            if name.startswith("accessibility_") and getattr(self, name)
        ]
        status = self.accessibility_status
        require_whole(status, names, has_email=bool(self.email))
        return self

    def notes(self) -> Iterator[OptionNote]:
        """See the base class."""
        yield from super().notes()
        yield from notes_on_age(self.accessibility_date)
