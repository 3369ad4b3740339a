"""The pytest plugin of eilogin: fixtures for tests of a wrapped application.

``eilogin_federation`` makes a federation around WSGI apps, by host name::

    def test_a_visitor_sees_their_page(eilogin_federation):
        browser = eilogin_federation({"mijn.test": app}).browser()
        browser.visit("https://mijn.test/")
        browser.press("Inloggen", username="anna", password="demo-anna")
        assert "Welkom" in browser.text
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from eilogin.testing.in_process_federation import Federation


@pytest.fixture
def eilogin_federation(tmp_path: Path) -> "Callable[..., Federation]":
    """Make a federation: see :class:`eilogin.testing.Federation` for its arguments."""
    from eilogin.testing.in_process_federation import Federation  # noqa: PLC0415 - only if asked

    def make(apps: Any, **options: Any) -> Federation:
        folder = tmp_path / f"federation-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Federation(folder, apps, **options)

    return make
