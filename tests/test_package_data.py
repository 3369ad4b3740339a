"""The wheel contains the files of the package that are no Python."""

from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_setup_cfg_names_every_data_file():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    patterns = {
        f"{package.replace('.', '/')}/{pattern}"
        for package, lines in setup["options.package_data"].items()
        for pattern in lines.split()
    }
    files = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "eilogin").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert "eilogin/stores/redis/lua/sessions/create.lua" in files
    missing = [
        file
        for file in files
        # A '*' of setuptools ends at a slash.
        if not any(
            fnmatch(file, pattern) and file.count("/") == pattern.count("/")
            for pattern in patterns
        )
    ]
    assert missing == []
