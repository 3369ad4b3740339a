"""The same :mod:`arena` where all have ``profile = digid``."""

import re
from functools import cached_property
from pathlib import Path

from arena import HUB, Answer, Arena, Visitor


class ArenaAsDigid(Arena):
    """What DigiD does not answer gets a page of nothing; why, the log alone knows."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "digid")

    def tells_nothing(self, answer: Answer) -> str:
        """The code in the log, of what gets the same page as any nonsense there."""
        told = self.refuses(answer)
        assert (answer.status, told["reason"]) == (404, "not-found"), told
        assert answer.location is None
        assert "SAML" not in answer.text
        assert _page(answer) == self._nothing
        found = [one for one in self._log.lines if one.startswith(told["reference"])]
        return found[0].partition("as DigiD does (")[2].partition(")")[0]

    @cached_property
    def _nothing(self) -> str:
        return _page(Visitor(self).get(self.url(HUB, "/sso?SAMLRequest=x")))


def _page(answer: Answer) -> str:
    """The page, without what differs anyway: the reference, and its own address."""
    text = re.sub(r'&amp;next=[^"]*', "", answer.text)
    return text.replace(answer.reference or "", "")
