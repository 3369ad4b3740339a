"""The accessibility statement of a site, which Dutch law requires of public bodies."""

from babel.dates import format_date
from webob import Response

from eilogin.errors import NotFound
from eilogin.federation.local.accessibility import STATUSES
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit


def page(visit: Visit, pages: Pages) -> Response:
    """Return the page; raises NotFound without ``accessibility_status``."""
    own = visit.trust.own
    statement = own.accessibility
    if statement is None:
        raise NotFound("no accessibility statement: 'accessibility_status' is not set")
    visit.allow_only("GET", "HEAD")
    language = language_of(visit)
    spoken = language if language in statement.gaps else "en"
    spoken = spoken if spoken in statement.gaps else "nl"
    return pages.page(
        visit,
        "accessibility.html",
        name=name_of(own, language),
        about=own.public_url.partition("//")[2],
        compliance=statement.status,
        letter=STATUSES[statement.status],
        gaps=statement.gaps.get(spoken, ()),
        gaps_language=spoken,
        date=format_date(statement.date, "long", locale=language),
        report=statement.report,
        contact=statement.contact,
        appeal=statement.appeal,
    )
