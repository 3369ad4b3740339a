"""The endpoints of a role."""

import pytest
from written_metadata import POST

from eilogin.errors import PeerUnusable
from eilogin.saml.metadata import write_entity
from eilogin.saml.safe_xml import q


def test_says_where_reports_of_activity_go(hub_that_takes_reports, hub_key, read):
    octets = write_entity(hub_that_takes_reports, hub_key)
    assert read(octets).entities == (hub_that_takes_reports,)


def test_reports_of_activity_go_over_https_and_by_soap(
    hub_that_takes_reports, read_edited
):
    hub, name = hub_that_takes_reports, q("act:ActivityService")

    def plain(root):
        next(root.iter(name)).set("Location", "http://inloggen.example.nl/activity")

    def by_post(root):
        next(root.iter(name)).set("Binding", POST)

    with pytest.raises(PeerUnusable, match="ActivityService"):
        read_edited(plain, hub)
    entity = read_edited(by_post, hub)
    assert entity.identity_provider.activity_service is None
