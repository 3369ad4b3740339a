"""A visitor logs out while the store is down, and comes back to the site later."""

import pytest
import redis_servers
import small_disks

from eilogin.errors import StoreUnavailable

UWV, STAD = "https://uwv.test/mijn", "https://stad.test/mijn"
HOME = "https://uwv.test/"
LOG_OUT = "https://uwv.test/eilogin/logout"
SESSION, PENDING = "__Host-eilogin", "__Host-eilogin-out"


def show_visitor(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


@pytest.fixture
def federation_of(clock, eilogin_federation):
    """Make a federation of two sites; ``options`` are those of uwv.test."""

    def make(**options):
        protect = "/ optional\n/mijn basis"
        return eilogin_federation(
            {"uwv.test": show_visitor, "stad.test": show_visitor},
            options={
                "uwv.test": {"protect": protect, **options},
                "stad.test": {"protect": protect},
            },
        )

    return make


@pytest.fixture(params=["redirect", "soap"])
def federation(request, federation_of):
    return federation_of(logout_binding=request.param)


@pytest.fixture
def anna(federation, citizen_at):
    anna = citizen_at(federation.browser()).log_in(UWV)
    assert anna.is_let_in(STAD)
    return anna


@pytest.fixture
def store(federation, monkeypatch):
    """The store of uwv.test, which may stop to answer."""
    store = federation.apps["uwv.test"].sessions.store

    class Store:
        def fail(self):
            def failing(*args, **kwargs):
                raise StoreUnavailable("the store does not answer")

            for verb in ("read", "end", "add", "get", "take", "swap", "create"):
                monkeypatch.setattr(store, verb, failing)

        def recover(self):
            monkeypatch.undo()

        def sessions(self):
            return len(store._sessions)  # noqa: SLF001 - what is left in it

    return Store()


def test_a_browser_is_anonymous_at_once(anna, store) -> None:
    store.fail()
    anna.visit(LOG_OUT)
    page = anna.browser.page
    assert page.status_int == 503
    assert "Het uitloggen is nog niet klaar" in anna.browser.text
    assert "als u deze website later weer opent" in anna.browser.text
    assert anna.browser.cookie("uwv.test", SESSION) is None
    anna.visit(HOME)
    assert anna.browser.text == "user=[]"
    anna.visit(UWV)
    assert anna.browser.page.status_int == 503


def test_the_first_page_that_reaches_the_store_logs_out_everywhere(anna, store) -> None:
    store.fail()
    anna.visit(LOG_OUT)
    store.recover()
    anna.visit(UWV)
    assert "U bent overal uitgelogd" in anna.browser.text
    assert anna.browser.cookie("uwv.test", PENDING) is None
    assert not anna.is_let_in(UWV)
    assert not anna.is_let_in(STAD)
    assert store.sessions() == 0


def test_a_second_click_logs_out_everywhere(anna, store) -> None:
    store.fail()
    anna.visit(LOG_OUT)
    anna.visit(LOG_OUT)
    assert "Het uitloggen is nog niet klaar" in anna.browser.text
    store.recover()
    anna.visit(LOG_OUT)
    assert "U bent overal uitgelogd" in anna.browser.text
    assert anna.browser.cookie("uwv.test", PENDING) is None
    assert not anna.is_let_in(STAD)


def test_a_copy_of_the_session_cookie_is_of_no_use_then(anna, store) -> None:
    cookie = anna.browser.cookie("uwv.test", SESSION)
    store.fail()
    anna.visit(LOG_OUT)
    store.recover()
    anna.browser.set_cookie("uwv.test", SESSION, cookie)
    anna.visit(HOME)
    assert "U bent overal uitgelogd" in anna.browser.text
    anna.browser.set_cookie("uwv.test", SESSION, cookie)
    anna.visit(HOME)
    assert anna.browser.text == "user=[]"


def test_a_copy_of_it_is_of_no_use_while_the_store_cannot_end_the_session(
    anna, federation, store, monkeypatch
) -> None:
    def failing(*args, **kwargs):
        raise StoreUnavailable("the store does not answer")

    cookie = anna.browser.cookie("uwv.test", SESSION)
    store.fail()
    anna.visit(LOG_OUT)
    store.recover()
    anna.browser.set_cookie("uwv.test", SESSION, cookie)
    with monkeypatch.context() as patch:
        patch.setattr(federation.apps["uwv.test"].sessions.store, "end", failing)
        anna.visit(HOME)
        assert anna.browser.text == "user=[]"
    anna.visit(HOME)
    assert "U bent overal uitgelogd" in anna.browser.text


def test_a_fault_of_ours_keeps_nobody_out(anna, store, monkeypatch) -> None:
    def broken(*args, **kwargs):
        raise RuntimeError("a fault of ours")

    store.fail()
    anna.visit(LOG_OUT)
    store.recover()
    with monkeypatch.context() as patch:
        patch.setattr(
            "eilogin.participant.logout.logout_start.ParticipantLogout.leave", broken
        )
        anna.visit(HOME)
        assert anna.browser.text == "user=[]"
    anna.visit(HOME)
    assert "U bent overal uitgelogd" in anna.browser.text


def test_a_script_that_comes_first_ends_the_session(anna, store) -> None:
    store.fail()
    anna.visit(LOG_OUT)
    store.recover()
    anna.browser.fetch(HOME)
    assert anna.browser.cookie("uwv.test", PENDING) is None
    assert store.sessions() == 0


class TestAStoreThatFailsHalfWay:
    """The session has ended; the store fails before the hub is told."""

    @pytest.fixture(params=["after a value more", "and loses what it had"])
    def leave(self, request, federation, anna, monkeypatch):
        """Log out in vain."""
        store = federation.apps["uwv.test"].sessions.store
        loses = request.param == "and loses what it had"
        end, add = store.end, store.add

        def end_and_fail(**which):
            ended = end(**which)
            if loses:
                # A power failure may undo what was written without haste.
                store._values.clear()  # noqa: SLF001 - what is left in it
                raise StoreUnavailable("the store does not answer")
            monkeypatch.setattr(store, "add", add_and_fail)
            return ended

        def add_and_fail(*what, **which):
            add(*what, **which)
            raise StoreUnavailable("the store does not answer")

        def leave():
            with monkeypatch.context() as patch:
                patch.setattr(store, "end", end_and_fail)
                anna.visit(LOG_OUT)
            monkeypatch.setattr(store, "add", add)
            assert anna.browser.page.status_int == 503

        return leave

    def test_the_first_page_tells_the_hub(self, anna, leave, clock):
        leave()
        clock.shift(20 * 60)
        anna.visit(UWV)
        assert "U bent overal uitgelogd" in anna.browser.text
        assert not anna.is_let_in(STAD)

    def test_the_next_logout_tells_the_hub_after_a_script(self, anna, leave):
        leave()
        anna.browser.fetch(HOME)
        assert anna.browser.cookie("uwv.test", PENDING) is None
        assert not anna.is_let_in(UWV)
        anna.visit(LOG_OUT)
        assert "U bent overal uitgelogd" in anna.browser.text
        assert not anna.is_let_in(STAD)

    def test_nobody_is_signed_in_silently_an_hour_later(self, anna, leave, clock):
        leave()
        for _ in range(7):
            clock.shift(10 * 60)
            # The hub goes on to know this browser.
            anna.visit("https://inloggen.test/")
            assert "Overal uitloggen" in anna.browser.text
        anna.browser.fetch(HOME)
        assert not anna.is_let_in(UWV)


def test_a_link_of_another_site_logs_nobody_out_later(anna, store) -> None:
    store.fail()
    anna.browser.post(LOG_OUT, site="cross-site")
    assert anna.browser.cookie("uwv.test", PENDING) is None
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    anna.browser.fetch(LOG_OUT, **link)
    assert anna.browser.cookie("uwv.test", PENDING) is None
    store.recover()
    assert anna.is_let_in(UWV)


def test_a_visitor_without_a_session_has_none_to_log_out_later(
    federation, store
) -> None:
    browser = federation.browser()
    store.fail()
    browser.visit(LOG_OUT)
    assert browser.cookie("uwv.test", PENDING) is None


def test_a_logout_of_the_application_is_carried_out_later(
    federation_of, citizen_at, monkeypatch
) -> None:
    federation = federation_of(app_logout="/uit")
    anna = citizen_at(federation.browser()).log_in(UWV)
    assert anna.is_let_in(STAD)

    def failing(*args, **kwargs):
        raise StoreUnavailable("the store does not answer")

    store = federation.apps["uwv.test"].sessions.store
    with monkeypatch.context() as patch:
        patch.setattr(store, "end", failing)
        anna.visit("https://uwv.test/uit")
        assert "Het uitloggen is nog niet klaar" in anna.browser.text
    anna.visit(HOME)
    assert "U bent overal uitgelogd" in anna.browser.text
    assert not anna.is_let_in(STAD)


def test_an_english_page_says_it_in_english(anna, store) -> None:
    store.fail()
    anna.browser.language = "en"
    anna.visit(LOG_OUT)
    assert "Logging out is not finished yet" in anna.browser.text
    assert "when you open this website again" in anna.browser.text


def test_a_redis_that_was_down_is_told_when_it_is_back(
    federation_of, citizen_at, new_redis, monkeypatch
) -> None:
    monkeypatch.setattr("eilogin.stores.circuit_breaker.PAUSE", 0.05)
    server = new_redis(redis_servers.DurableServer)
    federation = federation_of(store=server.url())
    anna = citizen_at(federation.browser()).log_in(UWV)
    server.kill()
    anna.visit(LOG_OUT)
    assert "Het uitloggen is nog niet klaar" in anna.browser.text
    server.start()

    def is_told() -> bool:
        anna.visit(HOME)
        return anna.browser.text != "user=[]"

    redis_servers.wait_until(is_told)
    assert "U bent overal uitgelogd" in anna.browser.text
    assert server.ask("KEYS", "*:s:*") == []


def test_a_disk_that_could_only_be_read_is_told_when_it_can_be_written(
    federation_of, citizen_at, tmp_path
) -> None:
    with small_disks.mounted(tmp_path / "disk") as disk:
        federation = federation_of(store=f"sqlite:///{disk.folder}/store.db")
        anna = citizen_at(federation.browser()).log_in(UWV)
        federation.apps["uwv.test"].sessions.store.close()
        disk.be_read_only()
        anna.visit(LOG_OUT)
        assert "Het uitloggen is nog niet klaar" in anna.browser.text
        anna.visit(HOME)
        assert anna.browser.text == "user=[]"
        disk.be_read_only(is_so=False)
        anna.visit(HOME)
        assert "U bent overal uitgelogd" in anna.browser.text
        assert not anna.is_let_in(UWV)
        federation.apps["uwv.test"].sessions.store.close()


class TestAtTheHub:
    HUB = "https://inloggen.test/"
    SESSION = "__Host-eilogin"

    @pytest.fixture
    def hub_store(self, federation, monkeypatch):
        store = federation.apps["inloggen.test"].sessions.store

        def failing(*args, **kwargs):
            raise StoreUnavailable("the store does not answer")

        class Store:
            def fail(self):
                for verb in ("end", "add", "take", "swap", "create"):
                    monkeypatch.setattr(store, verb, failing)

            def recover(self):
                monkeypatch.undo()

        return Store()

    def leave(self, anna):
        """Press the button while the store fails."""
        anna.browser.press("Overal uitloggen")
        assert anna.browser.page.status_int == 503
        assert "Het uitloggen is nog niet klaar" in anna.browser.text

    def test_a_browser_is_anonymous_at_once(self, anna, hub_store) -> None:
        anna.visit(self.HUB)
        hub_store.fail()
        self.leave(anna)
        assert anna.browser.cookie("inloggen.test", self.SESSION) is None
        anna.visit(self.HUB)
        assert "Overal uitloggen" not in anna.browser.text

    def test_the_first_page_logs_out_everywhere(self, anna, hub_store) -> None:
        anna.visit(self.HUB)
        hub_store.fail()
        self.leave(anna)
        hub_store.recover()
        anna.visit(self.HUB)
        assert "U bent overal uitgelogd" in anna.browser.text
        for url in (UWV, STAD):
            assert not anna.is_let_in(url)

    def test_a_second_click_logs_out_everywhere(self, anna, hub_store) -> None:
        anna.visit(self.HUB)
        hub_store.fail()
        self.leave(anna)
        hub_store.recover()
        anna.browser.post("https://inloggen.test/logout")
        assert "U bent overal uitgelogd" in anna.browser.text
        assert anna.browser.cookie("inloggen.test", f"{self.SESSION}-out") is None
        assert not anna.is_let_in(STAD)

    def test_a_login_at_a_site_ends_it_first(self, anna, hub_store) -> None:
        anna.visit(self.HUB)
        hub_store.fail()
        self.leave(anna)
        hub_store.recover()
        anna.browser.forget("uwv.test")
        anna.visit(UWV)
        assert anna.is_asked_for_password
        assert not anna.is_let_in(STAD)
