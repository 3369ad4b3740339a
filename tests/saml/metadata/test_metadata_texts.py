"""Texts of metadata are one line, of a bounded length."""

from dataclasses import replace

from written_metadata import TOMORROW

from eilogin.saml.metadata import Contact, write_entity, write_federation
from eilogin.saml.xml_signatures import RSA_SHA256


class TestATextOfAMember:
    HOSTILE = "\x9b31mEVIL\x85\u2028next\x7f"
    CLEAN = "31mEVIL next"

    def test_is_one_line_without_what_controls_a_terminal(self, hub, hub_key, read):
        member = replace(
            hub,
            names={"nl": self.HOSTILE},
            descriptions={"nl": self.HOSTILE},
            contacts=(Contact("technical", self.HOSTILE, self.HOSTILE, self.HOSTILE),),
            signing_methods=(f"{RSA_SHA256}\x9b",),
        )
        facts = {"valid_until": TOMORROW, "key": hub_key}
        octets = write_federation([member], name=self.HOSTILE, **facts)
        metadata = read(octets)
        (entity,) = metadata.entities
        assert metadata.name == self.CLEAN
        assert entity.name("nl") == entity.description("nl") == self.CLEAN
        assert entity.contacts == (
            Contact("technical", self.CLEAN, self.CLEAN, self.CLEAN),
        )
        assert entity.whom_to_ask == f"{self.CLEAN} {self.CLEAN}"
        assert entity.signing_methods == (f"{RSA_SHA256} ",)

    def test_is_of_a_length_that_is_bounded(self, hub, hub_key, read):
        member = replace(hub, names={"nl": "x" * 70_000})
        (entity,) = read(write_entity(member, hub_key)).entities
        assert entity.name("nl") == "x" * 2048
