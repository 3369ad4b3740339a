"""What a visitor sees where somebody has been at what a store keeps."""

import pytest

UWV, LOG_OUT = "https://uwv.test/x", "https://uwv.test/eilogin/logout"
HUB = "https://inloggen.test/"


def show_user(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


@pytest.fixture
def anna_at(eilogin_federation):
    """Anna's browser, logged in at a site with this store."""

    def logged_in(store):
        options = {"store": store, "protect": "/ basis"}
        federation = eilogin_federation(
            {"uwv.test": show_user}, options={"uwv.test": options}
        )
        anna = federation.browser()
        anna.visit(UWV)
        anna.press("Inloggen", username="anna", password="demo-anna")
        assert is_in(anna)
        return anna

    return logged_in


def is_in(browser):
    browser.visit(UWV)
    return browser.text.startswith("user=[")


class TestRedis:
    @pytest.fixture
    def server(self, new_redis):
        return new_redis()

    @pytest.fixture
    def anna(self, anna_at, server):
        return anna_at(server.url())

    @pytest.fixture
    def spoil(self, server):
        """Put a text, or a list, at all keys of a kind."""

        def put(kind, command):
            keys = server.ask("KEYS", f"{{eilogin}}:{kind}:*")
            assert keys
            for key in keys:
                server.ask("DEL", key)
                server.ask(command, key, "rubbish")

        return put

    @pytest.mark.parametrize("kind", ["x", "b", "m"])
    def test_rubbish_stops_no_logout(self, server, anna, spoil, kind) -> None:
        server.ask("SET", "{eilogin}:m:", "0 0")
        spoil(kind, "LPUSH")
        anna.follow(LOG_OUT)
        assert "uitgelogd" in anna.title
        assert not is_in(anna)

    @pytest.mark.parametrize("kind", ["x", "b"])
    def test_rubbish_stops_no_logout_by_the_hub(self, anna, spoil, kind) -> None:
        spoil(kind, "SET" if kind == "x" else "LPUSH")
        anna.visit(HUB)
        anna.press("Overal uitloggen")
        assert not is_in(anna)

    def test_rubbish_in_the_place_of_a_session_locks_nobody_out(
        self, anna, spoil
    ) -> None:
        spoil("s", "LPUSH")
        # By way of the hub, where she is logged in still.
        assert is_in(anna)
        anna.follow(LOG_OUT)
        assert not is_in(anna)


class TestSQLite:
    def test_a_file_that_is_gone_confirms_no_logout(self, anna_at, tmp_path) -> None:
        folder, away = tmp_path / "var", tmp_path / "away"
        folder.mkdir()
        anna = anna_at(f"sqlite:///{folder}/store.db")
        away.mkdir()
        move(folder, away)
        anna.visit(LOG_OUT)
        assert anna.page.status_int == 503
        assert list(folder.iterdir()) == []
        move(away, folder)
        anna.visit(UWV)
        assert "uitgelogd" in anna.title, "what was begun is carried out"
        assert not is_in(anna)


def move(here, there):
    for file in here.iterdir():
        file.rename(there / file.name)
