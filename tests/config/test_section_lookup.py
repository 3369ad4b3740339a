"""The section of the ini file that gave a factory its options."""

import pytest

from eilogin.config import Options, Seconds, option, read
from eilogin.errors import Fault, InvalidOptions


class TestTheNameOfASection:
    @pytest.fixture
    def named(self, registry):
        class Named(Options, name="named"):
            """Options of an entry point."""

            idle: Seconds = option("how long", default="1m")
            here: str = option("a folder", default="")

        class Main(Options, name="main"):
            """Options of the entry point without a name."""

            idle: Seconds = option("how long", default="1m")

        assert registry == {"named": Named, "main": Main}
        return Named, Main

    def section(self, tmp_path, declared, text, **values):
        ini = tmp_path / "app.ini"
        ini.write_text(text)
        with pytest.raises(InvalidOptions) as caught:
            read(declared, {"__file__": str(ini)}, values)
        (fault,) = caught.value.faults
        assert fault.file == str(ini)
        return fault.section

    def test_is_found_by_its_use_and_values(self, named, tmp_path):
        text = """
[DEFAULT]
debug = true
[filter:one]
use = egg:eilogin#named
idle = many
[filter:two]
use = egg:eilogin#named
idle = lots
[filter:three]
use = egg:eilogin
idle = lots
"""
        options, main = named
        assert self.section(tmp_path, options, text, idle="lots") == "filter:two"
        assert self.section(tmp_path, main, text, idle="lots") == "filter:three"

    def test_is_found_where_paste_replaced_something(self, named, tmp_path):
        text = """
[filter:one]
use = egg:eilogin#named
idle = many
here = %(here)s/var
"""
        section = self.section(tmp_path, named[0], text, idle="many", here="/x/var")
        assert section == "filter:one"

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(
                "[filter:a]\nuse = egg:eilogin#named\nidle = many\n"
                "[filter:b]\nuse = egg:eilogin#named\nidle = many\n",
                id="two that fit",
            ),
            pytest.param("[filter:a]\nuse = egg:eilogin#named\n", id="none that fits"),
            pytest.param("idle = many\n", id="no ini file"),
            pytest.param("[filter:a]\nuse = egg:other\nidle = many\n", id="another's"),
        ],
    )
    def test_is_left_out_where_it_is_not_clear(self, named, tmp_path, text):
        assert self.section(tmp_path, named[0], text, idle="many") == ""

    def test_is_left_out_where_the_file_is_not_known(self, named):
        with pytest.raises(InvalidOptions) as caught:
            read(named[0], {}, {"idle": "many"})
        (fault,) = caught.value.faults
        expected = "expected a duration such as '90', '90s', '15m' or '2h'"
        assert fault == Fault("", "", "idle", "'many'", expected)
        assert "1 fault in the configuration:\n  idle: found 'many'" in str(
            caught.value
        )
