"""What pages of the hub call a service."""

from dataclasses import replace

import pytest

HUB = "https://inloggen.test"


@pytest.fixture
def called(federation, citizen, service_of, hub_believes):
    """What the sign-in page calls a participant whose metadata is changed."""

    def read(**changes):
        service = service_of("stad.test")
        hub_believes("stad.test", lambda entity: replace(entity, **changes))
        citizen.visit(service.address(service.request()))
        return citizen.browser.text

    return read


def test_by_its_own_name(called):
    assert "Inloggen bij Stad" in called(names={"nl": "Stad"})


def test_by_the_host_of_its_site_where_nobody_says_a_name(called):
    """As it is with the metadata that Shibboleth writes of itself."""
    text = called(names={})
    assert "Inloggen bij stad.test" in text
    assert "eilogin/metadata" not in text
