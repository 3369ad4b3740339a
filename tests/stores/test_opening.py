from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from eilogin.errors import ConfigurationError
from eilogin.stores.memory import MemoryStore
from eilogin.stores.opening import StoreURL, open_store
from eilogin.stores.sqlite import SQLiteStore

WRONG = [
    pytest.param("", id="nothing"),
    pytest.param("memory", id="no colon"),
    pytest.param("sqlite:", id="no slashes"),
    pytest.param("sqlite:///", id="no path"),
    pytest.param("sqlite:////", id="the root alone"),
    pytest.param("sqlite://var/eilogin.db", id="two slashes"),
    pytest.param("/var/lib/eilogin.db", id="a path alone"),
    pytest.param("sqlite:////var/\0.db", id="a NUL in the path"),
    pytest.param("postgresql://host/db", id="another database"),
    pytest.param("redis://localhost", id="redis"),
]


def test_memory_is_opened() -> None:
    assert isinstance(open_store("memory:"), MemoryStore)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        pytest.param("sqlite:///var/eilogin.db", "var/eilogin.db", id="relative"),
        pytest.param("sqlite:////var/eilogin.db", "/var/eilogin.db", id="absolute"),
        pytest.param("sqlite:////srv/a b/é.db", "/srv/a b/é.db", id="any characters"),
    ],
)
def test_sqlite_is_opened_at_its_path(url: str, path: str) -> None:
    store = open_store(url)
    assert isinstance(store, SQLiteStore)
    assert store.path == Path(path)


@pytest.mark.parametrize("url", WRONG)
def test_anything_else_is_refused_with_what_was_found_and_expected(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_store(url)
    assert repr(url) in str(refused.value)
    assert "'memory:' or a file such as 'sqlite:////var/lib" in str(refused.value)


@pytest.mark.parametrize("url", ["redis://localhost", "rediss://localhost"])
def test_redis_is_said_to_come_later(url: str) -> None:
    with pytest.raises(ConfigurationError, match="no store for redis yet"):
        open_store(url)


class TestOption:
    option = TypeAdapter(StoreURL)

    @pytest.mark.parametrize("url", ["memory:", "sqlite:////srv/x.db"])
    def test_takes_what_can_be_opened(self, url: str) -> None:
        assert self.option.validate_python(f" {url} ") == url

    def test_means_a_relative_path_from_the_folder_of_the_ini_file(self) -> None:
        here = {"here": Path("/etc/eilogin")}
        url = self.option.validate_python("sqlite:///var/x.db", context=here)
        assert url == "sqlite:////etc/eilogin/var/x.db"
        absolute = "sqlite:////srv/x.db"
        assert self.option.validate_python(absolute, context=here) == absolute

    def test_means_a_relative_path_from_the_working_folder_without_one(self) -> None:
        url = "sqlite:///var/x.db"
        assert self.option.validate_python(url) == url

    @pytest.mark.parametrize("url", WRONG)
    def test_refuses_the_rest_and_says_what_was_expected(self, url: str) -> None:
        with pytest.raises(ValidationError, match="'memory:' or a file such as"):
            self.option.validate_python(url)

    def test_refuses_what_is_no_text(self) -> None:
        with pytest.raises(ValidationError):
            self.option.validate_python(5)
