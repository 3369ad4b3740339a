"""The citizen's stories, in a real browser before the real demonstration."""

import pytest

pytestmark = pytest.mark.real

SERVICES = ["uwv", "gemeente", "kadaster"]
FIRST_PAGE = {"uwv": "/", "gemeente": "/", "kadaster": "/mijn"}


def test_logs_in_once_and_is_known_everywhere(anna):
    anna.visit("mijnoverheid").click("Inloggen").type_password()
    anna.photograph("portal")
    print(anna.place, anna.text)
    assert 0
