"""``eilogin join-hub``: what it makes, keeps and refuses."""

import stat

import pytest

from eilogin.saml.safe_xml import parse

HUB = "https://inloggen.example.nl"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "hub"


@pytest.fixture
def join(run, folder):
    def call(*arguments, url=HUB):
        return run("join-hub", "--public-url", url, "--folder", folder, *arguments)

    return call


@pytest.fixture
def ini(folder):
    return folder / "hub.ini"


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_makes_what_a_hub_needs(join, folder, ini):
    result = join("--yes", "--name", "Inloggen")
    assert result.exit_code == 0, result.output
    assert modes(folder) == {
        "hub.ini": 0o644,
        "inloggen.example.nl.key": 0o600,
        "inloggen.example.nl.crt": 0o644,
        "inloggen.example.nl.xml": 0o644,
        "inloggen.example.nl-name-id.key": 0o600,
        "citizens.json": 0o600,
        "federation": 0o700,
    }
    metadata = parse((folder / "inloggen.example.nl.xml").read_bytes())
    assert metadata.get("entityID") == f"{HUB}/metadata"
    assert "\nname = Inloggen\n" in ini.read_text()
    assert "The steps that are left" in result.output


def test_keeps_all_of_it_the_next_time(join, folder, ini):
    join("--yes")
    (folder / "citizens.json").write_text("[ ]")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    (folder / "federation").rmdir()
    result = join("--yes")
    assert result.exit_code == 0, result.output
    assert f"{ini}: exists already" in result.output
    changed = {
        path.name for path, octets in before.items() if path.read_bytes() != octets
    }
    assert changed <= {"inloggen.example.nl.xml"}
    assert (folder / "federation").is_dir()


def test_refuses_the_file_of_another_hub(join, ini):
    join("--yes")
    before = ini.read_bytes()
    result = join("--yes", url="https://other.example.nl")
    assert result.exit_code == 1
    assert "expected another folder (--folder)" in result.output
    assert ini.read_bytes() == before


def test_refuses_a_responder(join, folder):
    result = join("--yes", "--federation", "mdq:https://mdq.example.nl")
    assert result.exit_code == 2
    assert "a hub cannot use a responder" in result.output
    assert not folder.exists()


def test_shows_the_file_and_writes_nothing(join, folder):
    result = join("--dry-run")
    assert result.exit_code == 0
    assert "[app:hub]\nuse = egg:eilogin#hub\n" in result.output
    assert not folder.exists()


def test_asks_before_it_writes(join, folder):
    result = join()
    assert result.exit_code == 1
    assert "--yes" in result.output
    assert not folder.exists()


@pytest.mark.parametrize(
    ("url", "back", "ports"),
    [
        (HUB, "https://soap.example.nl", (8080, 8081)),
        ("http://hub.localhost:7001", "http://hub.localhost:7002", (7001, 7002)),
    ],
    ids=["https", "this machine"],
)
def test_gives_servers_threads_of_their_own(join, url, back, ports):
    result = join("--dry-run", "--back-channel-url", back, url=url)
    first, second = (f"\nlisten = 127.0.0.1:{port}\n" for port in ports)
    assert first in result.output.partition("[server:back-channel]")[0]
    assert second in result.output.partition("[server:back-channel]")[2]
    assert f"\nback_channel_url = {back}\n" in result.output
