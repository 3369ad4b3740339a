"""Names that a misspelt name may stand for."""

import pytest

from eilogin import config


class TestNamesThatAreClose:
    def test_are_one_where_no_more_are_wanted(self):
        hint = config.did_you_mean("hub-x", ["hub-1", "hub-2", "uwv"])
        assert hint in ("; did you mean 'hub-1'?", "; did you mean 'hub-2'?")

    def test_are_as_many_as_are_wanted(self):
        hint = config.did_you_mean("hub-x", ["hub-1", "hub-2", "uwv"], most=3)
        assert sorted(hint[15:-1].split(" or ")) == ["'hub-1'", "'hub-2'"]

    def test_are_as_close_as_is_wanted(self):
        assert config.did_you_mean("hub-x", ["hub-1"], cutoff=0.8).endswith("-1'?")
        assert config.did_you_mean("hub-x", ["hub-1"], cutoff=0.81) == ""

    def test_are_first_those_that_begin_so(self):
        names = ["federation_folder", "federation", "federation_certificate"]
        hint = config.did_you_mean("federation_cert", names)
        assert hint == "; did you mean 'federation_certificate'?"

    def test_are_none_of_none(self):
        assert config.did_you_mean("hub", []) == ""

    @pytest.mark.parametrize(
        ("name", "is_close"),
        [
            ("http://uwv.example.nl/eilogin/metadata", True),
            ("https://uwv.example.nl", True),
            ("https://www.uwv.example.nl/eilogin/metadata", True),
            ("https://uwvv.example.nl/eilogin/metadata", True),
            ("https://uwv.example.com/eilogin/metadata", True),
            ("https://svb.example.nl/eilogin/metadata", False),
            ("https://duo.test/eilogin/metadata", False),
        ],
    )
    def test_of_addresses_have_hosts_that_are_close(self, name, is_close):
        candidate = "https://uwv.example.nl/eilogin/metadata"
        hint = f"; did you mean '{candidate}'?" if is_close else ""
        assert config.did_you_mean(name, [candidate]) == hint
