# ruff: noqa: SLF001 - a time-out can only be seen inside, or waited for

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import redis_servers
from cryptography.hazmat.primitives import serialization
from pydantic import TypeAdapter, ValidationError

from eilogin.config import Options, option, read
from eilogin.errors import ConfigurationError, InvalidOptions, StoreUnavailable
from eilogin.stores.memory_store import MemoryStore
from eilogin.stores.sqlite import SQLiteStore
from eilogin.stores.store_interface import TIMEOUT
from eilogin.stores.store_opening import StoreURL, open_store

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
    assert "'memory:', a file such as 'sqlite:////var/lib" in str(refused.value)


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite://"])
def test_a_store_in_memory_has_one_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="expected 'memory:' for a store in"):
        open_store(url)


@pytest.mark.parametrize("comment", [" # old", " ; old", "  #", " ;"])
@pytest.mark.parametrize("url", ["sqlite:////srv/x.db", "memory:", "redis://localhost"])
def test_a_comment_is_not_taken_for_a_part_of_it(url: str, comment: str) -> None:
    with pytest.raises(ConfigurationError, match="expected only a URL, without ' #'"):
        open_store(url + comment)
    with pytest.raises(ValidationError, match="only a URL"):
        TypeAdapter(StoreURL).validate_python(url + comment)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("redis://localhost", "redis://localhost:6379/0", id="one"),
        pytest.param(
            "redis+sentinel://a,b/s", "redis+sentinel://a:26379,b:26379/s/0", id="set"
        ),
        pytest.param("rediss+cluster://a", "rediss+cluster://a:6379", id="cluster"),
    ],
)
def test_redis_is_opened_at_its_servers(url: str, shown: str) -> None:
    redis_servers.require_redis()
    assert repr(open_store(url)) == f"RedisStore({shown!r})"


def test_redis_without_its_package_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "eilogin.stores.redis.redis_store", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'eilogin\[redis\]'"):
        open_store("redis://localhost")


def test_the_package_is_not_imported_where_no_such_store_is_used() -> None:
    code = "import eilogin.stores, sys; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "url",
    [
        "redis://anna:geheim@host:x",
        "redis://:ge/heim@host",
        "redis://:ge@heim@host?x=y",
        "redis://anna:ge?heim@host",
        "redis://anna:ge#heim@host:x",
        "redis://anna:ge@heim@host:x",
        "redis://anna:ge:heim@host:x",
        "redis://anna:ge%heim@host:x",
        "redis://anna:ge heim@host:x",
        "redis+sentinel://anna:ge?heim@host/service",
        "redis://heim@host",
        "REDIS://anna:ge?heim@host",
        "redis:anna:geheim@host",
        "redisx://anna:geheim@host",
        "sqlite://anna:geheim@/x",
    ],
)
def test_a_password_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_store(url)
    assert "heim" not in str(refused.value)
    assert "***@" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://anna:geheim", "redis://***"),
        ("redis://anna:ge/heim", "redis://***"),
        ("redis://anna:geheim%40host", "redis://***"),
        ("redis://host:6379/x", "redis://host:6379/x"),
        ("redis://[::1]:6379,host", "redis://[::1]:6379,host"),
        ("redis+sentinel://a,b:1", "redis+sentinel://a,b:1"),
        ("redis:", "redis:"),
    ],
)
def test_of_an_url_without_a_user_hosts_alone_are_shown(url: str, shown: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_store(url)
    assert f"found {shown!r}" in str(refused.value)


def test_sqlite_has_no_options_that_would_be_a_part_of_the_name(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/x.db?mode=ro"
    with pytest.raises(ConfigurationError, match=r"expected a path without '\?'"):
        open_store(url)


class TestTimeout:
    def test_is_handed_on(self, tmp_path) -> None:
        redis_servers.require_redis()
        assert open_store("redis://localhost", 3.5)._client.timeout == 3.5
        path = tmp_path / "store.db"
        open_store(f"sqlite:///{path}").prepare()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            # A busy machine may delay one try, and does not delay all of them.
            assert min(self.wait(path) for _ in range(5)) < TIMEOUT

    def wait(self, path) -> float:
        """Return the seconds that a new store waits for the lock of another writer."""
        with closing(open_store(f"sqlite:///{path}", 0.05)) as store:
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                store.take("key")
            return time.monotonic() - started


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
        with pytest.raises(ValidationError, match="'memory:', a file such as"):
            self.option.validate_python(url)

    def test_shows_no_password(self) -> None:
        redis_servers.require_redis()
        url = "redis://anna:geheim@host/1?prefix=x"
        address = self.option.validate_python(url)
        assert address == url
        assert repr(address) == "'redis://***@host/1?prefix=x'"
        assert repr({"store": address}) == "{'store': 'redis://***@host/1?prefix=x'}"

    def test_shows_no_password_in_the_fault_of_a_section(self) -> None:
        class Wrong(Options):
            store: StoreURL = option("where")

        url = "redis://anna:geheim@host:port/1"
        with pytest.raises(InvalidOptions) as refused:
            read(Wrong, {}, {"store": url})
        assert "store: found 'redis://***@host:port/1'" in str(refused.value)
        assert "geheim" not in str(refused.value)

    def test_means_a_file_of_authorities_from_the_folder_of_the_ini_file(
        self, tmp_path
    ) -> None:
        redis_servers.require_redis()
        redis_servers._write_certificate(tmp_path / "ca.crt", tmp_path / "key")
        here = {"here": tmp_path}
        url = self.option.validate_python("rediss://host?ca=ca.crt", context=here)
        assert url == f"rediss://host?ca={tmp_path}/ca.crt"

    def test_means_our_own_certificate_from_there_too(self, tmp_path) -> None:
        redis_servers.require_redis()
        redis_servers._write_certificate(tmp_path / "our.crt", tmp_path / "our.key")
        url = self.option.validate_python(
            "rediss://host?cert=our.crt&key=our.key", context={"here": tmp_path}
        )
        assert url == f"rediss://host?cert={tmp_path}/our.crt&key={tmp_path}/our.key"

    @pytest.mark.parametrize("wrong", ["none", "another", "a password", "no key"])
    def test_refuses_a_certificate_of_ours_that_is_none(self, tmp_path, wrong) -> None:
        certificate, key = tmp_path / "our.crt", tmp_path / "our.key"
        redis_servers._write_certificate(certificate, key)
        match wrong:
            case "none":
                key.unlink()
            case "another":
                redis_servers._write_certificate(tmp_path / "crt", key)
            case "a password":
                private = serialization.load_pem_private_key(key.read_bytes(), None)
                key.write_bytes(
                    private.private_bytes(
                        serialization.Encoding.PEM,
                        serialization.PrivateFormat.PKCS8,
                        serialization.BestAvailableEncryption(b"geheim"),
                    )
                )
            case "no key":
                key.write_bytes(certificate.read_bytes())
        with pytest.raises(ConfigurationError) as refused:
            open_store(f"rediss://host?cert={certificate}&key={key}")
        assert f"in 'cert={certificate}'" in str(refused.value)
        assert f"without a password, in 'key={key}'" in str(refused.value)

    @pytest.mark.parametrize("octets", [None, b"", b"no certificate"])
    def test_refuses_a_file_of_authorities_that_is_none(self, octets, tmp_path) -> None:
        if octets is not None:
            (tmp_path / "ca.crt").write_bytes(octets)
        expected = rf"expected a readable PEM .* in 'ca={tmp_path}/ca.crt'"
        with pytest.raises(ConfigurationError, match=expected):
            open_store(f"rediss://host?ca={tmp_path}/ca.crt")

    @pytest.mark.parametrize(
        "reference", ["env:EILOGIN_STORE", "file:store-url", "credential:store-url"]
    )
    def test_may_stand_elsewhere(self, reference, tmp_path, monkeypatch) -> None:
        redis_servers.require_redis()
        url = "redis://:geheim@host/1"
        (tmp_path / "store-url").write_text(url + "\n")
        monkeypatch.setenv("EILOGIN_STORE", url)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        here = {"here": tmp_path}
        assert self.option.validate_python(reference, context=here) == url

    @pytest.mark.parametrize(
        ("reference", "expected"),
        [
            ("env:EILOGIN_NOT_SET", "the environment variable EILOGIN_NOT_SET"),
            ("file:/nowhere", "a readable file at /nowhere"),
            ("env:EILOGIN_STORE", "'memory:'"),
        ],
    )
    def test_that_stands_nowhere_is_refused(
        self, reference, expected, monkeypatch
    ) -> None:
        monkeypatch.setenv("EILOGIN_STORE", "nothing://geheim")
        with pytest.raises(ValidationError, match=expected) as refused:
            self.option.validate_python(reference)
        assert "geheim" not in str(refused.value)

    def test_refuses_what_is_no_text(self) -> None:
        with pytest.raises(ValidationError):
            self.option.validate_python(5)
