"""URLs, and paths of this site."""

import pytest
from pydantic import TypeAdapter, ValidationError

from eilogin.config import SitePath, is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("UWV.Localhost.", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_what_can_only_be_this_machine(host, expected):
    assert is_loopback(host) is expected


def test_an_option_holds_a_path_of_this_site():
    adapter = TypeAdapter(SitePath)
    assert adapter.validate_python("/café?a=b") == "/caf%C3%A9?a=b"
    for value in ("", "mijn", "//evil.example", "https://evil.example/", "/a/../b"):
        with pytest.raises(ValidationError, match="a path of this site, such as"):
            adapter.validate_python(value)
