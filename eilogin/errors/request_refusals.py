"""HTTP requests that eilogin rejects: forms, paths, methods."""

from collections.abc import Sequence

from eilogin.errors.message_refusals import Refused


class FormLost(Refused):
    """A form that was kept for after a login, and is not there any more."""

    code = "form-lost"
    status = 410


class FormOfAnother(Refused):
    """A form that another citizen had sent before this one logged in."""

    code = "form-of-another"
    status = 403


class FormSent(Refused):
    """A form that was kept for after a login, and was sent again already."""

    code = "form-sent"
    status = 409


class PathRefused(Refused):
    """A path that could mean one thing to us and another to the application."""

    code = "path-refused"


class FormRefused(PathRefused):
    """A form that could make the application call something that the path hides."""

    code = "form-refused"


class CrossSite(Refused):
    """A form that was sent from the page of another site."""

    code = "cross-site"
    status = 403


class NotFound(Refused):
    """An address under the prefix where nothing is."""

    code = "not-found"
    status = 404


class MethodNotAllowed(Refused):
    """An address that does not take this HTTP method."""

    code = "method-not-allowed"
    status = 405

    def __init__(self, message: str, allowed: Sequence[str] = ()) -> None:
        super().__init__(message)
        #: The methods that it does take, as the header ``Allow`` names them.
        self.allowed = tuple(allowed)
