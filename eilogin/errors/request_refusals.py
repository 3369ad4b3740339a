"""HTTP requests that eilogin rejects: forms, paths, methods."""

from collections.abc import Sequence

from eilogin.errors.message_refusals import Refused


class FormLost(Refused):
    """A form was kept for after a login, and is not in the store any more."""

    code = "form-lost"
    status = 410


class FormOfAnother(Refused):
    """Another citizen sent the form before this one logged in."""

    code = "form-of-another"
    status = 403


class FormSent(Refused):
    """A form was kept for after a login, and has already been sent again."""

    code = "form-sent"
    status = 409


class PathRefused(Refused):
    """eilogin and the application could read the path differently."""

    code = "path-refused"


class FormRefused(PathRefused):
    """The form could make the application call a function that the path hides."""

    code = "form-refused"


class CrossSite(Refused):
    """The form comes from a page of another site."""

    code = "cross-site"
    status = 403


class NotFound(Refused):
    """There is nothing at this address under the prefix."""

    code = "not-found"
    status = 404


class MethodNotAllowed(Refused):
    """The address does not accept this HTTP method."""

    code = "method-not-allowed"
    status = 405

    def __init__(self, message: str, allowed: Sequence[str] = ()) -> None:
        super().__init__(message)
        #: The methods that it accepts, as in the header ``Allow``.
        self.allowed = tuple(allowed)
