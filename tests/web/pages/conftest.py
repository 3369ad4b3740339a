"""The templates of all packages."""

import pytest

from eilogin.web.pages.page_rendering import Pages


@pytest.fixture(scope="module")
def pages():
    return Pages("eilogin.hub", "eilogin.portal")
