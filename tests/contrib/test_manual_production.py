"""The pages on production, as a sysadmin copies from them."""

import http.client
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import waitress
from apache import MODULES, PROGRAM, hand_over, require_module
from key_pairs import key_pair
from manual_blocks import MANUAL, block, blocks, with_changes
from nginx_servers import nginx
from peer_servers import ANY_CERTIFICATE, Server
from pydantic import TypeAdapter
from real_parts import free_ports, unavailable
from redis_servers import RedisServer, require_redis
from waitress import wasyncore
from waitress.adjustments import Adjustments

from eilogin import config, metrics
from eilogin.cli.declarations.trust_declarations import trust_command
from eilogin.federation.local.local_keys import read_instant, read_keys
from eilogin.federation.sources.source_lines import (
    FederationAddress,
    FederationFile,
    FederationLines,
)
from eilogin.stores import open_store
from eilogin.stores.redis.redis_urls import RedisURL

SERVERS, PROXIES = "production/servers.rst", "production/proxies.rst"
SERVICE, SOURCES = "production/systemd.rst", "production/sources.rst"
STORES, KEYS = "production/stores.rst", "production/keys.rst"
HOST = "uwv.example.nl"


def section_of(text, name):
    """The options of one section of a block, of which '…' stands for others."""
    lines = text.split(f"[{name}]\n")[1].split("\n[")[0].splitlines()
    pairs = (line.partition(" = ") for line in lines if " = " in line)
    return {option: value for option, _, value in pairs}


@pytest.mark.parametrize(
    ("page", "title"),
    [
        (SERVERS, "Limits of waitress"),
        (SERVERS, "A port for other servers"),
        (PROXIES, "nginx"),
    ],
)
def test_servers_have_options_that_waitress_knows(page, title, tmp_path):
    (text,) = blocks(page, title, "ini")
    names = [name for name in ("main", "back-channel") if f"[server:{name}]" in text]
    for name in names:
        options = section_of(text, f"server:{name}")
        assert options.pop("use") == "egg:waitress#main"
        if "unix_socket" in options:
            options["unix_socket"] = str(tmp_path / "web.sock")
        Adjustments(**options)


def test_trusted_proxies_are_read_as_they_are_written():
    text = block(PROXIES, "Trusted proxies").partition(" = ")[2]
    networks = TypeAdapter(config.Networks).validate_python(text)
    assert len(networks) == len(text.split())
    assert config.UNIX in networks
    (text,) = blocks(PROXIES, "nginx", "ini")
    assert section_of(text, "filter:eilogin") == {"trusted_proxies": "unix"}


class TestTheUnitOfSystemd:
    @pytest.fixture
    def unit(self, tmp_path):
        if not (program := shutil.which("systemd-analyze")):
            unavailable("needs systemd-analyze: apt install systemd")

        def verify(text):
            path = tmp_path / "eilogin.service"
            installed = {"/srv/eilogin/bin/eilogin": "/bin/true"}
            path.write_text(with_changes(text, installed))
            command = [program, "verify", "--man=no", path]
            return subprocess.run(command, capture_output=True, text=True, check=False)

        return verify

    def test_has_no_line_that_systemd_does_not_know(self, unit):
        (text,) = blocks(SERVICE, "systemd", "ini")
        ran = unit(text)
        told = [line for line in ran.stderr.splitlines() if "eilogin.service" in line]
        assert told == []
        assert ran.returncode == 0, ran.stderr

    def test_takes_the_lines_for_numbers_of_several_processes(self, unit):
        (text,) = blocks(SERVICE, "systemd", "ini")
        (more,) = blocks("production/metrics.rst", "Several processes", "ini")
        ran = unit(text.replace("[Service]\n", f"[Service]\n{more}\n"))
        assert (ran.returncode, "eilogin.service" in ran.stderr) == (0, False)

    def test_a_line_that_systemd_does_not_know_is_found(self, unit):
        (text,) = blocks(SERVICE, "systemd", "ini")
        ran = unit(text.replace("NoNewPrivileges", "NoNewPrivilege"))
        assert "NoNewPrivilege" in ran.stderr


def app(environ, start_response):
    """Say what a proxy has passed on."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    length = len(environ["wsgi.input"].read())
    names = "HTTP_HOST", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"
    return [
        " ".join([str(length), *(environ.get(name, "-") for name in names)]).encode()
    ]


@pytest.fixture
def upstream(folder):
    """A waitress at a Unix socket, as the page has it."""
    channels, is_over, path = {}, threading.Event(), folder / "web.sock"
    server = waitress.create_server(
        app,
        map=channels,
        unix_socket=str(path),
        unix_socket_perms="666",
        clear_untrusted_proxy_headers=False,
    )

    def run():
        while not is_over.is_set():
            wasyncore.loop(timeout=0.05, map=channels, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    yield path
    is_over.set()
    thread.join()
    wasyncore.close_all(channels, ignore_all=True)
    server.task_dispatcher.shutdown()


@pytest.mark.real
class TestApacheAsAProxy:
    @pytest.fixture
    def folder(self):
        """A folder that Apache can read, which is not run as root."""
        folder = Path(tempfile.mkdtemp(prefix="eilogin-apache-"))
        folder.chmod(0o755)
        yield folder
        shutil.rmtree(folder)

    @pytest.fixture
    def port(self, folder, upstream):
        """Where it listens, with the lines of the page."""
        require_module("mod_proxy_http.so", "apache2-bin")
        [port] = free_ports(1)
        for name, octets in zip(("key", "crt"), key_pair(HOST), strict=True):
            (folder / f"site.{name}").write_bytes(octets)
        site = with_changes(
            block(PROXIES, "Apache", "apache"),
            {
                "*:443": f"127.0.0.1:{port}",
                "/etc/ssl/uwv.crt": f"{folder}/site.crt",
                "/etc/ssl/private/uwv.key": f"{folder}/site.key",
                "/run/eilogin/web.sock": f"{upstream}",
            },
        )
        modules = ("mpm_event", "authz_core", "ssl", "proxy", "proxy_http", "headers")
        loaded = [
            f"LoadModule {name}_module {MODULES}/mod_{name}.so"
            for name in (*modules, "reqtimeout", "socache_shmcb")
        ]
        lines = [
            f"ServerRoot {folder}",
            "ServerName localhost",
            f"Listen 127.0.0.1:{port}",
            f"PidFile {folder}/httpd.pid",
            f"ErrorLog {folder}/server.log",
            f"DefaultRuntimeDir {folder}",
            f"Mutex file:{folder} default",
            *loaded,
        ]
        (folder / "httpd.conf").write_text("\n".join([*lines, site]))
        (folder / "server.log").touch()
        user = hand_over(folder)
        command = [PROGRAM, "-D", "FOREGROUND", "-f", folder / "httpd.conf"]
        with Server(folder, command, port, user=user):
            yield port

    def ask(self, port, body=b"hello", **headers):
        connection = HTTPSConnection(
            "127.0.0.1", port, timeout=60, context=ANY_CERTIFICATE
        )
        with closing(connection):
            connection.request("POST", "/", body, {"Host": HOST, **headers})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def test_passes_on_what_eilogin_and_applications_need(self, port):
        said = {"X-Forwarded-Proto": "gopher", "X-Forwarded-For": "192.0.2.1"}
        assert self.ask(port, **said) == (
            200,
            "5 uwv.example.nl 192.0.2.1, 127.0.0.1 https",
        )

    def test_accepts_many_cookies_and_leaves_large_bodies_to_the_server(self, port):
        assert self.ask(port, Cookie="x" * 20_000)[0] == 200
        assert self.ask(port, b"x" * 16_777_217)[1].startswith("16777217 ")


@pytest.mark.real
def test_nginx_redirects_http_to_https(tmp_path):
    [port] = free_ports(1)
    _, redirect = blocks(PROXIES, "nginx", "nginx")
    lines = with_changes(redirect, {"listen 80": f"listen 127.0.0.1:{port}"})
    with nginx(tmp_path, lines, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with closing(connection):
            connection.request("GET", "/mijn?a=b", headers={"Host": HOST})
            answer = connection.getresponse()
    assert answer.status == 301
    assert answer.headers["Location"] == "https://uwv.example.nl/mijn?a=b"


@pytest.fixture
def redis(tmp_path):
    """A Redis with the lines of the page in its configuration; yields its server."""
    require_redis()
    server = RedisServer(tmp_path / "redis")
    server.folder.mkdir()
    text = block(STORES, "Redis", "text")
    lines = f"{text}\nport {server.port}\nbind 127.0.0.1\ndir {server.folder}\n"
    (server.folder / "redis.conf").write_text(lines)
    server.start()
    yield server
    server.kill()


@pytest.mark.real
def test_redis_is_set_up_as_eilogin_wants_it(redis, caplog):
    url = blocks(STORES, "Redis")[1]
    ours = {"rediss:": "redis:", "redis.example.nl:6379": f"127.0.0.1:{redis.port}"}
    with closing(open_store(with_changes(url, ours))) as store:
        store.prepare()
        assert store.read("any") is None
    assert caplog.messages == []


def test_addresses_of_redis_are_understood():
    text = block(STORES, "Sentinel, Cluster and TLS")
    kinds = [RedisURL.parse(line).kind for line in text.splitlines()]
    assert kinds == ["server", "sentinel", "cluster"]


def test_commands_of_the_store_work_as_they_are_written(tmp_path):
    store, text = block(STORES, "SQLite", "ini"), block(STORES, "Back up and restore")
    url = with_changes(store.splitlines()[-1], {"/var/lib/eilogin": str(tmp_path)})
    (tmp_path / "site.ini").write_text(
        f"[filter:eilogin]\nuse = egg:eilogin#session\n{url}\n"
    )
    with closing(open_store(url.partition(" = ")[2])) as made:
        made.prepare()
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        command = [sys.executable, "-m", "eilogin", *words[1:]]
        subprocess.run(command, cwd=tmp_path, check=True, input=b"y\n")


class TestKeys:
    @pytest.fixture
    def typed(self, tmp_path):
        """Type a command of the page in the folder of a site; return what it says."""
        key, certificate = key_pair("uwv")
        (tmp_path / "uwv.example.nl.key").write_bytes(key)
        (tmp_path / "uwv.example.nl.crt").write_bytes(certificate)
        made = block(KEYS, "Make the first key")
        (tmp_path / "federation.xml").touch()
        (tmp_path / "site.ini").write_text(
            "[filter:eilogin]\nuse = egg:eilogin\nstore = memory:\n"
            "public_url = https://uwv.example.nl\n"
            "federation = %(here)s/federation.xml\nfederation_unsigned = true\n"
            f"{made}\n"
        )

        def run(line):
            words = shlex.split(line, comments=True)
            ran = subprocess.run(
                [sys.executable, "-m", "eilogin", *words[1:]],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, ran.stderr
            return ran.stdout

        return run

    def test_the_command_prints_the_lines_of_the_page(self, typed):
        command, lines, _ = blocks(KEYS, "Replace a key")[:3]
        told = typed(command)
        assert [line for line in lines.splitlines() if line not in told] == []

    def test_commands_of_the_calendar_work(self, typed):
        for line in block(KEYS, "Calendar").splitlines():
            assert typed(line)

    def test_a_folder_is_read_as_it_is_written(self, tmp_path):
        text = block(KEYS, "Several keys: keys.ini", "ini")
        (tmp_path / "keys.ini").write_text(text)
        for name in ("2026", "2028"):
            key, certificate = key_pair(name)
            (tmp_path / f"{name}.key").write_bytes(key)
            (tmp_path / f"{name}.crt").write_bytes(certificate)
        first, second = read_keys(tmp_path)
        assert (first.name, second.name) == ("2026", "2028")
        assert second.begins == read_instant("2028-11-01") < first.ends


_LOGS = """
import sys
from logging.config import fileConfig
from eilogin import audit
fileConfig(sys.argv[1], disable_existing_loggers=False)
audit.event("login", peer="https://inloggen.example.nl/metadata")
"""


def test_logs_go_to_files_and_have_the_fields_of_the_page(tmp_path):
    lines = block("production/logs.rst", "Write them to files", "ini")
    file = tmp_path / "logging.ini"
    file.write_text(with_changes(lines, {"/var/log/eilogin": str(tmp_path)}))
    subprocess.run([sys.executable, "-c", _LOGS, file], check=True)
    (line,) = (tmp_path / "audit.log").read_text().splitlines()
    event = json.loads(line)
    assert event["code"] == "login"
    page = (MANUAL / "production/logs.rst").read_text()
    assert [name for name in event if f"\n``{name}``" not in page] == []


def test_alerts_are_on_numbers_that_there_are():
    rules = block("production/metrics.rst", "Alert", "yaml")
    named = set(re.findall(r"eilogin_[a-z_]+", rules))
    federation = dict.fromkeys(("members", "age_seconds", "failures", "waits"), 0.0)
    text, _ = metrics.Meters().exposition("", lambda: 0, {("", "a"): 1.0}, federation)
    shown = set(re.findall(r"# TYPE (\S+)", text.decode()))
    assert named - shown == set()
    page = (MANUAL / "production/metrics.rst").read_text()
    alerts = re.findall(r"alert: (\w+)", rules)
    assert [one for one in alerts[1:] if f"\n``{one}``" not in page] == []


class TestTrust:
    def test_sources_are_read_as_they_are_written(self, tmp_path):
        for name in ("operator", "other", "responder"):
            (tmp_path / f"{name}.crt").write_bytes(key_pair(name)[1])
        (tmp_path / "our partners").mkdir()
        (tmp_path / "federation.xml").touch()
        text = blocks(SOURCES, "Sources", "ini")[0]
        text = text.partition(" =")[2]
        lines = TypeAdapter(FederationLines).validate_python(
            text.replace("%(here)s", str(tmp_path)), context={"here": str(tmp_path)}
        )
        assert [type(line) for line in lines] == [
            FederationFile,
            FederationAddress,
            FederationAddress,
            FederationFile,
        ]
        assert lines[1].timeout == 30.0
        assert lines[3].path == tmp_path / "our partners"

    def test_the_page_has_each_word_behind_a_source(self, tmp_path):
        page = (MANUAL / SOURCES).read_text()
        words = set(re.findall(r"(?m)^``([a-z]+)=", page))
        (tmp_path / "x.crt").write_bytes(key_pair("x")[1])
        (tmp_path / "x.xml").touch()
        known = (
            "x.xml validity=14d longest=80MB unsigned=true role=hub entity=https://*"
            " registrar=https://x.nl category=https://y.nl include=https://a.nl"
            " exclude=https://b.nl\n"
            "https://md.example.nl/ x.crt timeout=10s proxy=off ca=x.crt"
        )
        assert words == set(re.findall(r"([a-z]+)=", known))
        here = {"here": str(tmp_path)}
        assert TypeAdapter(FederationLines).validate_python(known, context=here)

    def test_commands_are_there(self):
        text = "".join(
            (MANUAL / "production" / name).read_text()
            for name in ("trust.rst", "pending-changes.rst", "sources.rst")
        )
        verbs = set(re.findall(r"eilogin\s+trust\s+([a-z]+)", text))
        assert verbs == set(trust_command.commands)
