"""Options are declared once, and described for the documentation."""

import pytest
from sample_options import Sample

from eilogin.config import Flag, Options, Seconds, describe, option


class TestADeclaration:
    def test_is_described_as_it_would_stand_in_an_ini_file(self):
        described = {d.name: d.default for d in describe(Sample)}
        assert described == {
            "hub": "required",
            "idle": "15m",
            "wait": "90s",
            "passive": "false",
            "protect": "everything",
            "public_url": "https://uwv.example",
            "prefix": "/eilogin",
            "key": "",
            "secret": "",
            "secrets": "none",
            "keep": "1m",
            "at_once": "3",
            "other_url": "",
            "acs": "artifact",
        }
        assert describe(Sample)[0].meaning == "entityID of the hub"

    def test_tells_a_default_from_words_for_one(self):
        literal = {d.name for d in describe(Sample) if d.is_literal}
        no = {"hub", "protect", "key", "secret", "secrets", "other_url"}
        assert literal == Sample.model_fields.keys() - no

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (7200.0, "2h"),
            (5400.0, "90m"),
            (90.0, "90s"),
            (0.5, "0.5s"),
            (True, "true"),
        ],
    )
    def test_of_a_default_reads_like_a_person_would_write_it(
        self, value, text, registry
    ):
        kind = Flag if value is True else Seconds

        class One(Options):
            """One option."""

            it: kind = option("it", default=value)

        assert describe(One)[0].default == text
