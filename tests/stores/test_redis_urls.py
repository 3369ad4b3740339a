from pathlib import Path

import pytest

from eilogin.stores.redis.redis_urls import RedisURL, with_files


class TestParse:
    @pytest.mark.parametrize(
        ("text", "fields"),
        [
            pytest.param("redis://host", {}, id="host"),
            pytest.param("redis://host/", {}, id="host and slash"),
            pytest.param("redis://host:6380/3", {"port": 6380, "db": 3}, id="all"),
            pytest.param("redis://[::1]:6380", {"host": "::1", "port": 6380}, id="v6"),
            pytest.param("redis://:pw@host", {"password": "pw"}, id="password"),
            pytest.param(
                "redis://anna:a%2Fb%40c%3F@host",
                {"username": "anna", "password": "a/b@c?"},
                id="odd password",
            ),
            pytest.param("redis://host?prefix=a-b.c_1", {"prefix": "a-b.c_1"}, id="p"),
            pytest.param("rediss://host", {"is_encrypted": True}, id="encrypted"),
            pytest.param(
                "rediss://host/1?ca=/etc/ca%20files/ca.crt&prefix=x",
                {
                    "is_encrypted": True,
                    "ca": Path("/etc/ca files/ca.crt"),
                    "prefix": "x",
                    "db": 1,
                },
                id="ca",
            ),
        ],
    )
    def test_one_server(self, text, fields) -> None:
        address = (fields.pop("host", "host"), fields.pop("port", 6379))
        assert RedisURL.parse(text) == RedisURL("server", (address,), **fields)

    def test_sentinels(self) -> None:
        parsed = RedisURL.parse("rediss+sentinel://:pw@a:1,b,c/my%20service/2")
        assert parsed == RedisURL(
            "sentinel",
            (("a", 1), ("b", 26379), ("c", 26379)),
            service="my service",
            db=2,
            password="pw",
            is_encrypted=True,
        )

    def test_a_cluster(self) -> None:
        parsed = RedisURL.parse("redis+cluster://a:7000,[::2],c:7002/")
        hosts = (("a", 7000), ("::2", 6379), ("c", 7002))
        assert parsed == RedisURL("cluster", hosts)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("redis:host", "'redis://"),
            ("redis+other://host", "'redis://"),
            ("redisx://host", "'redis://"),
            ("redis://", "'host' or 'host:port'"),
            ("redis:///0", "'host' or 'host:port'"),
            ("redis://ho st", "'host' or 'host:port'"),
            ("redis://host:0", "'host' or 'host:port'"),
            ("redis://host:65536", "'host' or 'host:port'"),
            ("redis://host:port", "'host' or 'host:port'"),
            ("redis://:pa/ss@host", "characters of a password such as '@'"),
            ("redis://a,b", "one host"),
            ("redis+sentinel://a,,b/s", "more of them after a comma"),
            ("redis+sentinel://a", "the name of the master at the sentinels"),
            ("redis+sentinel://a//1", "the name of the master at the sentinels"),
            ("redis+cluster://a/1", "only one database"),
            ("redis://host/x", "the number of a database"),
            ("redis://host/0/1", "the number of a database"),
            ("redis://anna@host", "'user:password@'"),
            ("redis://anna:@host", "'user:password@'"),
            ("redis://host?ca=/ca.crt", "'rediss'"),
            ("redis://host?cert=/crt&key=/key", "'cert=' and 'key=' only with"),
            ("rediss://host?cert=/crt", "'cert=FILE' and 'key=FILE' together"),
            ("rediss://host?key=/key", "'cert=FILE' and 'key=FILE' together"),
            ("rediss://host?cert=/crt&key=", "the path of a PEM file after 'key='"),
            ("redis://host?password=x", "no other options"),
            ("redis://host?prefix=a&prefix=b", "no other options"),
            ("rediss://host?ca=", "the path of a PEM file after 'ca='"),
            ("redis://host?prefix=", "a prefix of letters"),
            ("redis://host?prefix", "options such as"),
            ("redis://host?prefix={a}", "a prefix of letters"),
            ("redis://host?prefix=" + "a" * 65, "a prefix of letters"),
        ],
    )
    def test_says_what_it_expects(self, text, expected) -> None:
        with pytest.raises(ValueError, match=expected):
            RedisURL.parse(text)


class TestShown:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("redis://anna:geheim@host", "redis://host:6379/0"),
            ("rediss://:geheim@[::1]:1/2?prefix=x", "rediss://[::1]:1/2"),
            (
                "redis+sentinel://:geheim@a,b:1/service/3",
                "redis+sentinel://a:26379,b:1/service/3",
            ),
            ("rediss+cluster://u:geheim@a,b:1", "rediss+cluster://a:6379,b:1"),
        ],
    )
    def test_is_without_the_user_and_the_password(self, text, shown) -> None:
        parsed = RedisURL.parse(text)
        assert str(parsed) == shown
        assert "geheim" not in repr(parsed)


def test_other_files() -> None:
    url = with_files(
        "rediss://host/1?prefix=x&ca=ca.crt&cert=our.crt&key=our.key",
        {"ca": Path("/etc/ca x.crt"), "key": Path("/etc/our.key")},
    )
    parsed = RedisURL.parse(url)
    assert parsed.ca == Path("/etc/ca x.crt")
    assert parsed.cert == Path("our.crt")
    assert parsed.key == Path("/etc/our.key")
    assert parsed.prefix == "x"
