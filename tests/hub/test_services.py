"""What pages of the hub call a service."""

from dataclasses import replace

import pytest

from eilogin.hub.services import name_of

HUB = "https://inloggen.test"
STAD = "https://stad.test/eilogin/metadata"


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


class TestAnEntityIDThatIsNoAddress:
    @pytest.fixture
    def named(self, federation, hub_believes):
        """What the hub calls the participant that has such a one."""

        def read(entity_id, **changes):
            hub_believes(
                "stad.test",
                lambda entity: replace(
                    entity, entity_id=entity_id, names={}, **changes
                ),
            )
            trust = federation.apps["inloggen.test"].app.trust
            return name_of(trust, entity_id, "nl")

        return read

    @pytest.mark.parametrize("entity_id", ["urn:stad:sp", "stad", "http://[stad"])
    def test_is_of_the_site_where_its_logins_go(self, named, entity_id):
        assert named(entity_id) == "stad.test"

    def test_is_its_name_where_nothing_else_is_known(self, named):
        assert named("urn:stad:hub", service_provider=None) == "urn:stad:hub"

    def test_of_one_that_has_left_too(self, federation):
        trust = federation.apps["inloggen.test"].app.trust
        assert name_of(trust, "urn:left:sp", "nl") == "urn:left:sp"
        assert name_of(trust, "https://left.test/sp", "nl") == "left.test"
