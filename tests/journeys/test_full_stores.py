"""A visitor logs out while a store has no room; that always works."""

import pytest
import small_disks

UWV, STAD = "https://uwv.test/mijn", "https://stad.test/mijn"
LOG_OUT = "https://uwv.test/eilogin/logout"


class FullRedis:
    def __init__(self, server):
        self.server = server

    def url(self, name):
        return self.server.url(prefix=name)

    def fill(self):
        self.server.ask("CONFIG", "SET", "maxmemory", "1")

    def make_room(self):
        self.server.ask("CONFIG", "SET", "maxmemory", "0")


class FullDisk:
    def __init__(self, disk):
        self.disk = disk
        self.fill, self.make_room = disk.fill, disk.make_room

    def url(self, name):
        return f"sqlite:///{self.disk.folder}/{name}.db"


@pytest.fixture(params=["redis", "sqlite"])
def room(request, tmp_path):
    """The room that the stores of all parties share."""
    if request.param == "redis":
        yield FullRedis(request.getfixturevalue("new_redis")())
        return
    with small_disks.mounted(tmp_path / "disk", 32 * 1024 * 1024) as disk:
        yield FullDisk(disk)


@pytest.fixture(params=["redirect", "soap"])
def federation(request, room, eilogin_federation):
    """Two sites and a hub with such stores."""
    binding = {"logout_binding": request.param}
    options = {
        host: {"store": room.url(host.partition(".")[0]), "protect": "/ basis"}
        for host in ("uwv.test", "stad.test")
    }
    options["uwv.test"] |= binding | {"app_logout": "/uit"}
    return eilogin_federation(
        dict.fromkeys(options, show_visitor),
        options=options,
        hub_options={"store": room.url("hub")},
    )


@pytest.fixture
def citizens(federation, citizen_at):
    """Anna and Bram, who are logged in at both sites."""
    citizens = [citizen_at(federation.browser(), name) for name in ("anna", "bram")]
    for citizen in citizens:
        citizen.log_in(UWV)
        assert citizen.is_let_in(STAD)
    return citizens


def show_visitor(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


def test_a_full_store_refuses_no_logout(room, citizens, caplog) -> None:
    room.fill()
    for citizen in citizens:
        citizen.visit(LOG_OUT)
        assert citizen.browser.page.status_int == 200, caplog.text
        assert "U bent overal uitgelogd" in citizen.browser.text, citizen.browser.text
        for url in (UWV, STAD):
            assert not citizen.is_let_in(url)
    room.make_room()
    for citizen in citizens:
        for url in (UWV, STAD):
            assert not citizen.is_let_in(url)
        citizen.log_in(UWV)


def test_a_full_store_refuses_no_logout_at_the_hub(room, citizens) -> None:
    room.fill()
    for citizen in citizens:
        citizen.visit("https://inloggen.test/")
        citizen.browser.press("Overal uitloggen")
        assert citizen.browser.page.status_int == 200
        for url in (UWV, STAD):
            assert not citizen.is_let_in(url)


def test_a_full_store_refuses_no_logout_of_the_application(room, citizens) -> None:
    room.fill()
    for citizen in citizens:
        citizen.visit("https://uwv.test/uit")
        assert citizen.browser.page.status_int == 200
        assert "U bent overal uitgelogd" in citizen.browser.text, citizen.browser.text
        for url in (UWV, STAD):
            assert not citizen.is_let_in(url)


@pytest.mark.parametrize("federation", ["soap"], indirect=True)
def test_a_full_store_delivers_a_logout_that_the_hub_has_missed(
    federation, room, citizens, clock
) -> None:
    federation.down.add("inloggen.test")
    for citizen in citizens:
        citizen.visit(LOG_OUT)
    room.fill()
    federation.down.clear()
    clock.shift(70)
    assert federation.deliver("uwv.test") == len(citizens)
    for citizen in citizens:
        for url in (UWV, STAD):
            assert not citizen.is_let_in(url)


@pytest.mark.parametrize("federation", ["soap"], indirect=True)
def test_a_full_store_tells_a_site_that_was_not_reached(
    federation, room, citizens, clock
) -> None:
    federation.down.add("stad.test")
    for citizen in citizens:
        citizen.visit(LOG_OUT)
        assert "U bent overal uitgelogd" not in citizen.browser.text
    room.fill()
    federation.down.clear()
    clock.shift(70)
    assert federation.work() == len(citizens)
    for citizen in citizens:
        assert not citizen.is_let_in(STAD)
