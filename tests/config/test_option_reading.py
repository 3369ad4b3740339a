"""A section is read, or all its faults are reported."""

import pytest
from sample_options import Sample, fault_of, faults, sample

from eilogin import config
from eilogin.config import Options, option


class TestASection:
    def test_tells_all_its_faults_at_once(self):
        values = {"hubb": "x", "idle": "a day", "acs": "soap"}
        faults_by_option = {
            f.option: f for f in faults(Sample, "a.ini", "filter:x", values)
        }
        assert faults_by_option.keys() == {"hubb", "hub", "idle", "acs"}
        assert (
            faults_by_option["hubb"].expected == "unknown option; did you mean 'hub'?"
        )
        assert faults_by_option["hubb"].found == ""
        assert faults_by_option["hub"].expected == "is required (entityID of the hub)"

    def test_with_an_option_like_no_other_gets_no_suggestion(self):
        assert fault_of(zzzzzz="1").expected == "unknown option"

    def test_says_whose_option_it_is(self, registry):
        class Others(Options, name="others"):
            zzzzzz: str = config.option("x", default="")
            hubb: str = config.option("x", default="")

        class Main(Others, name="main"):
            only_here: str = config.option("x", default="")

        def text_for(name):
            return fault_of(**{name: "1"}).expected

        assert text_for("zzzzzz") == "unknown option; it is an option of 'others'"
        # Which is surer than a name that is like it.
        assert text_for("hubb") == "unknown option; it is an option of 'others'"
        assert text_for("only_here") == "unknown option; it is an option of 'main'"

    def test_can_have_options_that_quarrel(self):
        fault = fault_of(idle="60", wait="90")
        assert (fault.option, fault.found) == ("idle", "'60'")
        assert fault.expected == "should not be shorter than wait"

    def test_that_lacks_an_option_reads_well_on_a_terminal(self, registry):
        class Marked(Options):
            """One option."""

            store: str = option("``memory:`` or a file")

        (fault,) = faults(Marked, "", "", {})
        assert fault.expected == "is required (memory: or a file)"

    def test_without_faults_has_none(self):
        assert faults(Sample, "", "", {"hub": "x"}) == []

    def test_is_frozen_once_it_is_read(self):
        with pytest.raises(ValueError, match="frozen"):
            sample().hub = "y"
