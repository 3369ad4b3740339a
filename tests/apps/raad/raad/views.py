"""What a form gets to Plone, and a page whose first try ends in a conflict."""

from Products.Five.browser import BrowserView
from ZODB.POSException import ConflictError


class Echo(BrowserView):
    """Says what a form has brought, and who the visitor is."""

    def __call__(self):
        member = self.context.portal_membership.getAuthenticatedMember()
        form = self.request.form
        told = {
            "tries": self.request.retry_count + 1,
            "user": member.getId(),
            "name": member.getProperty("fullname", ""),
            **{name: _text_of(form[name]) for name in sorted(form)},
        }
        return "|".join(f"{name}={value}" for name, value in told.items())


class Conflict(Echo):
    """Does so after a conflict of the database."""

    def __call__(self):
        if not self.request.retry_count:
            raise ConflictError
        return super().__call__()


def _text_of(value):
    return value.read().decode() if hasattr(value, "read") else value
