"""Who guesses at the hub's own sign-in: what she sees, and what the citizen notices.

An unknown name, a wrong password, a wrong code and a name without any tries left look
alike, and take as long. Who tries all day keeps no citizen out of her own browser.
"""

import base64
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from random import Random
from statistics import median

import argon2
import pytest
from cpu_time import no_collection
from webob import Request

from eilogin.hub.signin.citizen_accounts import Citizens, demo_citizens, to_json
from eilogin.web.browser.sealing import Sealer

HUB = "https://inloggen.test"
LOGIN = f"{HUB}/login"
MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
#: Tries at one name from one network: fewer than there are, for each takes a while.
MOST = 3
#: A code that is nobody's: too short for one.
WRONG = "00000"
#: Runs of each kind, and by how much their medians may differ: nearly all is Argon2.
RUNS, FACTOR = 9, 1.5


class Guesser:
    """Somebody with a script, at an address."""

    def __init__(self, federation):
        self.federation = federation
        self.address = "192.0.2.66"
        self.headers = {"Origin": HUB}

    def request(self, username, password="x", code=None, cookie=""):  # noqa: S107
        form = {"username": username, "password": password}
        level = "basis"
        if code is not None:
            form["code"], level = code, "midden"
        url = f"{LOGIN}?level={level}"
        request = Request.blank(url, method="POST", POST=form)
        request.environ["REMOTE_ADDR"] = self.address
        request.headers.update(self.headers)
        request.headers["Accept-Language"] = "nl"
        request.headers["Cookie"] = f"__Host-eilogin-sign-in=yes; {cookie}"
        return request

    def tries(self, username, *said, **more):
        """The answer to a guess."""
        request = self.request(username, *said, **more)
        return request.get_response(self.federation)

    def locks(self, username, **more):
        """Use up all tries at a name, from here."""
        for _ in range(MOST):
            self.tries(username, "x", **more)


def known_after(answer):
    """The cookie of a browser in which somebody has signed in just now."""
    assert answer.status_int == 303
    headers = answer.headers.getall("Set-Cookie")
    [header] = [one for one in headers if one.startswith("__Host-eilogin-known=")]
    return header.partition(";")[0]


def seen(answer, username):
    """What she sees, but for the name that she typed herself."""
    page = answer.text.replace(f'value="{username}"', 'value="name"')
    headers = [pair for pair in answer.headerlist if pair[0] != "Content-Length"]
    return answer.status_int, sorted(headers), page


@pytest.fixture(autouse=True)
def _few_tries(monkeypatch):
    monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST", MOST)


@pytest.fixture
def guesser(federation):
    return Guesser(federation)


@pytest.fixture
def citizens(federation):
    return Citizens.load(federation.folder / "citizens.json")


@pytest.fixture
def code_of(citizens):
    """The code of a citizen, on whatever telephone, as her app shows it now."""
    known = {citizen.username: citizen for citizen in citizens}
    return lambda name: citizens.current_code(known[name])


def test_the_good_twin_signs_in(guesser, code_of):
    assert guesser.tries("anna", "demo-anna").status_int == 303
    answer = guesser.tries("anna", "demo-anna", code=code_of("anna"))
    assert answer.status_int == 303
    assert "__Host-eilogin=" in answer.headers.getall("Set-Cookie")[0]


def test_nobody_signs_in_whatever_the_password(guesser, monkeypatch):
    """Where a name is unknown there is one to check, but nobody whose it is."""
    monkeypatch.setattr("argon2.PasswordHasher.verify", lambda *_: True)
    assert guesser.tries("anna", "x").status_int == 303
    assert guesser.tries("nobody", "x").status_int == 200


def test_the_button_of_a_demonstration_does_nothing_where_none_is(eilogin_federation):
    federation = eilogin_federation({}, hub_options={"demo": "false"})
    guesser = Guesser(federation)
    request = guesser.request("")
    request.POST["demo-citizen"] = "anna"
    answer = request.get_response(federation)
    assert "klopt niet" in answer.text
    assert "anna" not in answer.text
    assert "__Host-eilogin=" not in str(answer.headers)


class TestWhatIsSeen:
    @pytest.fixture
    def federation(self, clock, witness, eilogin_federation):
        """A demonstration would show codes, which are others each time."""
        return eilogin_federation({"uwv.test": witness}, hub_options={"demo": "false"})

    @pytest.mark.parametrize("code", [None, "", "000000"])
    def test_is_the_same_of_an_unknown_name_and_a_wrong_password(self, guesser, code):
        looks = {
            str(seen(guesser.tries(name, "x", code=code), name))
            for name in ("anna", "bram", "nobody", "Anna ", "\u0430nna", "a" * 90)
        }
        assert len(looks) == 1

    @pytest.mark.parametrize("code", [None, "000000"])
    def test_is_the_same_of_every_name_without_tries_left(self, guesser, code):
        """It tells that the name has been tried, not that somebody has it."""
        looks = set()
        for name in ("anna", "nobody"):
            guesser.locks(name)
            for password in ("x", f"demo-{name}"):
                answer = guesser.tries(name, password, code=code)
                looks.add(str(seen(answer, name)))
        assert len(looks) == 1
        assert "te vaak geprobeerd met deze gebruikersnaam" in looks.pop()

    def test_is_the_same_where_a_name_is_tried_from_everywhere(
        self, guesser, monkeypatch
    ):
        monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FOR_A_NAME", 3)
        looks = []
        for name in ("anna", "nobody"):
            for number in range(4):
                guesser.address = f"198.51.100.{number}"
                guesser.tries(name)
            looks.append(seen(guesser.tries(name, f"demo-{name}"), name))
        assert looks[0] == looks[1]

    def test_does_not_tell_that_the_password_was_right(self, guesser, code_of):
        """Neither at once, nor by when the tries are used up."""
        looks = {
            name: [
                seen(guesser.tries(name, password, code="000000"), name)
                for _ in range(2 * MOST)
            ]
            for name, password in (
                ("anna", "demo-anna"),
                ("bram", "x"),
                ("nobody", "x"),
            )
        }
        assert looks["anna"] == looks["bram"] == looks["nobody"]
        # Nor does the right code after that.
        answer = guesser.tries("anna", "demo-anna", code=code_of("anna"))
        assert seen(answer, "anna") == looks["nobody"][-1]

    def test_does_not_tell_that_the_citizen_has_just_signed_in_next_door(self, guesser):
        """A neighbour in the same network would learn that somebody has the name."""
        looks = {}
        for name in ("anna", "nobody"):
            before = [seen(guesser.tries(name), name) for _ in range(MOST - 1)]
            if name == "anna":
                assert guesser.tries("anna", "demo-anna").status_int == 303
            looks[name] = before + [
                seen(guesser.tries(name), name) for _ in range(MOST)
            ]
        assert looks["anna"] == looks["nobody"]

    def test_does_not_tell_elsewhere_that_the_codes_are_used_up(self, guesser, code_of):
        """That count is of the citizen whose password was right."""
        for _ in range(MOST):
            guesser.tries("anna", "demo-anna", code="000000")
        guesser.address = "198.51.100.9"
        answer = guesser.tries("anna", "demo-anna", code=code_of("anna"))
        assert answer.status_int == 200
        assert seen(answer, "anna") == seen(
            guesser.tries("bram", "x", code="1"), "bram"
        )

    def test_is_the_same_of_a_code_that_was_used(self, guesser, code_of):
        code = code_of("anna")
        wrong = seen(guesser.tries("bram", "x", code=code), "bram")
        assert guesser.tries("anna", "demo-anna", code=code).status_int == 303
        answer = guesser.tries("anna", "demo-anna", code=code)
        assert seen(answer, "anna") == wrong

    def test_is_the_same_of_every_name_where_a_network_tries_all(
        self, guesser, monkeypatch
    ):
        monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FROM_A_PLACE", 3)
        for number in range(3):
            guesser.tries(f"n{number}")
        looks = {
            str(seen(guesser.tries(name, password), name))
            for name, password in (
                ("anna", "demo-anna"),
                ("bram", "x"),
                ("nobody", "x"),
            )
        }
        assert len(looks) == 1
        assert "te vaak geprobeerd via deze internetverbinding" in looks.pop()

    def test_is_nothing_of_what_was_typed_but_the_name(self, guesser):
        answer = guesser.tries("anna", "geheim-woord", code="271828")
        assert "geheim-woord" not in answer.text
        assert "271828" not in answer.text

    def test_has_no_cookie_of_a_session(self, guesser):
        for name in ("anna", "nobody"):
            cookies = SimpleCookie()
            for header in guesser.tries(name).headers.getall("Set-Cookie"):
                cookies.load(header)
            assert set(cookies) == {"__Host-eilogin-sign-in"}


class TestHowLongItTakes:
    """By CPU time, which others on this machine do not change."""

    @pytest.fixture
    def federation(self, clock, eilogin_federation, tmp_path):
        """Passwords are as much work as in a demo."""
        file = tmp_path / "demo.json"
        file.write_bytes(to_json(demo_citizens()))
        return eilogin_federation({}, hub_options={"citizens": str(file)})

    def cpu_of(self, guesser, *said, **more):
        request = guesser.request(*said, **more)
        with no_collection():
            begun = time.thread_time()
            answer = request.get_response(guesser.federation)
            answer.body  # noqa: B018 - read whole
            taken = time.thread_time() - begun
        assert answer.status_int == 200
        return taken

    @pytest.mark.parametrize("code", [None, "000000"])
    def test_tells_nothing(self, guesser, code):
        guesser.locks("chaima")
        guesser.locks("nobody-locked")
        numbers = iter(range(10**6))
        kinds = {
            "wrong password": ("anna", "x"),
            "unknown name": ("nobody", "x"),
            "no tries left": ("chaima", "demo-chaima"),
            "no tries left of nobody": ("nobody-locked", "x"),
        }
        if code is not None:
            kinds["wrong code"] = ("bram", "demo-bram")
        times, order = {name: [] for name in kinds}, Random(3)  # noqa: S311 - an order
        for _ in range(RUNS):
            for name in order.sample(list(kinds), len(kinds)):
                if not name.startswith("no tries"):
                    # Else these would be used up too.
                    guesser.address = f"2001:db8:0:{next(numbers):x}::1"
                else:
                    guesser.address = "192.0.2.66"
                taken = self.cpu_of(guesser, *kinds[name], code=code)
                times[name].append(taken)
        found = {name: median(taken) for name, taken in times.items()}
        assert max(found.values()) < FACTOR * min(found.values()), found

    @pytest.mark.parametrize("code", [None, "000000"])
    def test_one_password_is_hashed_and_one_code_looked_at_for_everybody(
        self, guesser, code, monkeypatch
    ):
        done = []
        for name in ("verify", "verify_code"):
            real = getattr(Citizens, name)

            def counted(*arguments, name=name, real=real):
                done.append(name)
                return real(*arguments)

            monkeypatch.setattr(Citizens, name, counted)
        guesser.locks("chaima", code=code)
        expected = ["verify"] if code is None else ["verify", "verify_code"]
        for name, password in (
            ("anna", "x"),
            ("nobody", "x"),
            ("bram", "demo-bram" if code else "x"),
            ("chaima", "demo-chaima"),
        ):
            done.clear()
            guesser.tries(name, password, code=code)
            assert done == expected, name


class TestACode:
    def test_is_taken_once_while_it_could_be(self, guesser, code_of, clock):
        code = code_of("anna")
        assert guesser.tries("anna", "demo-anna", code=code).status_int == 303
        for _ in range(5):
            guesser.address = f"198.51.100.{int(clock.shift(20) or 0)}"
            answer = guesser.tries("anna", "demo-anna", code=code)
            assert answer.status_int == 200

    def test_is_taken_once_of_many_at_the_same_time(self, federation, code_of):
        code = code_of("anna")

        def sign_in(number):
            guesser = Guesser(federation)
            guesser.address = f"198.51.100.{number}"
            return guesser.tries("anna", "demo-anna", code=code).status_int

        with ThreadPoolExecutor(4) as pool:
            found = sorted(pool.map(sign_in, range(4)))
        assert found == [200, 200, 200, 303]

    def test_is_not_guessed_by_who_has_the_password(self, guesser, code_of, clock):
        """From everywhere: five in a quarter of an hour, and the right one is late."""
        for number in range(MOST):
            guesser.address = f"198.51.100.{number}"
            guesser.tries("anna", "demo-anna", code="000000")
        guesser.address = "198.51.100.99"
        answer = guesser.tries("anna", "demo-anna", code=code_of("anna"))
        assert answer.status_int == 200
        clock.shift(15 * MINUTE)
        answer = guesser.tries("anna", "demo-anna", code=code_of("anna"))
        assert answer.status_int == 303

    def test_is_not_guessed_by_who_signs_in_without_one_in_between(
        self, guesser, code_of
    ):
        """He has the password: that frees no tries at codes, in whatever browser."""
        cookie = ""
        for _ in range(MOST):
            guesser.tries("anna", "demo-anna", code=WRONG, cookie=cookie)
            cookie = known_after(guesser.tries("anna", "demo-anna", cookie=cookie))
        for one in (cookie, ""):
            said = {"code": code_of("anna"), "cookie": one}
            assert guesser.tries("anna", "demo-anna", **said).status_int == 200

    def test_is_not_guessed_in_browsers_made_known_by_the_password(
        self, guesser, code_of
    ):
        """Each of them would have tries of its own."""
        browsers = [known_after(guesser.tries("anna", "demo-anna")) for _ in range(2)]
        for _ in range(MOST):
            guesser.tries("anna", "demo-anna", code=WRONG, cookie=browsers[0])
        for cookie in (browsers[1], ""):
            said = {"code": code_of("anna"), "cookie": cookie}
            assert guesser.tries("anna", "demo-anna", **said).status_int == 200

    def test_is_taken_in_her_own_browser_whatever_others_guess(
        self, guesser, code_of, clock
    ):
        """One in which she has given a code; signing in without one keeps it so."""
        first = guesser.tries("anna", "demo-anna", code=code_of("anna"))
        again = guesser.tries("anna", "demo-anna", cookie=known_after(first))
        hers = known_after(again)
        for _ in range(MOST):
            guesser.tries("anna", "demo-anna", code=WRONG)
        clock.shift(2 * MINUTE)
        said = {"code": code_of("anna")}
        assert guesser.tries("anna", "demo-anna", **said).status_int == 200
        answer = guesser.tries("anna", "demo-anna", cookie=hers, **said)
        assert answer.status_int == 303

    def test_that_is_right_frees_her_own_tries(self, guesser, code_of, clock):
        hers = known_after(guesser.tries("anna", "demo-anna", code=code_of("anna")))
        for _ in range(3):
            clock.shift(2 * MINUTE)
            for _ in range(MOST - 1):
                guesser.tries("anna", "demo-anna", code=WRONG, cookie=hers)
            said = {"code": code_of("anna"), "cookie": hers}
            assert guesser.tries("anna", "demo-anna", **said).status_int == 303

    def test_makes_a_known_browser_one_with_codes_of_its_own(
        self, guesser, code_of, clock
    ):
        without = known_after(guesser.tries("anna", "demo-anna"))
        said = {"code": code_of("anna"), "cookie": without}
        hers = known_after(guesser.tries("anna", "demo-anna", **said))
        for _ in range(MOST):
            guesser.tries("anna", "demo-anna", code=WRONG, cookie=without)
        clock.shift(2 * MINUTE)
        answers = {
            cookie: guesser.tries(
                "anna", "demo-anna", code=code_of("anna"), cookie=cookie
            ).status_int
            for cookie in (without, hers)
        }
        assert answers == {without: 200, hers: 303}


class TestHerOwnBrowser:
    def signs_in(self, browser, password="demo-anna"):  # noqa: S107
        browser.visit(LOGIN)
        browser.press("Inloggen", username="anna", password=password)
        return browser.url == f"{HUB}/"

    def test_lets_her_in_while_somebody_tries_all_day(
        self, federation, guesser, clock, monkeypatch
    ):
        monkeypatch.setattr(
            "eilogin.hub.signin.signin_attempts._MOST_FOR_A_NAME", 2 * MOST
        )
        hers = federation.browser()
        assert self.signs_in(hers)
        # She keeps her browser, and not her session.
        hers.set_cookie("inloggen.test", "__Host-eilogin", "")
        stranger = federation.browser()
        stranger.address = "203.0.113.8"
        for _ in range(3):
            clock.shift(4 * HOUR)
            for address in ("198.51.100.1", "198.51.100.2", hers.address):
                guesser.address = address
                guesser.locks("anna")
            assert not self.signs_in(stranger), "a machine where she never was"
            assert self.signs_in(hers)
        clock.shift(15 * MINUTE)
        assert self.signs_in(stranger), "it is locked for a while, and not for good"

    def test_is_of_no_use_at_another_name(self, federation, guesser):
        hers = federation.browser()
        assert self.signs_in(hers)
        known = hers.cookie("inloggen.test", "__Host-eilogin-known")
        cookie = f"__Host-eilogin-known={known}"
        guesser.locks("bram")
        assert guesser.tries("bram", "demo-bram", cookie=cookie).status_int == 200
        assert guesser.tries("anna", "demo-anna", cookie=cookie).status_int == 303

    def test_signs_nobody_in_by_itself(self, federation, guesser):
        hers = federation.browser()
        assert self.signs_in(hers)
        known = hers.cookie("inloggen.test", "__Host-eilogin-known")
        assert "anna" not in known
        cookie = f"__Host-eilogin-known={known}"
        for number in range(2 * MOST):
            answer = guesser.tries("anna", f"guess {number}", cookie=cookie)
            assert answer.status_int == 200
        assert guesser.tries("anna", "demo-anna", cookie=cookie).status_int == 200

    def test_without_tries_left_has_nothing_hashed(self, guesser, monkeypatch):
        """Else whoever has an account keeps the hub busy with it, without end."""
        hashed, verify = [], Citizens.verify

        def counted(*arguments):
            hashed.append(arguments)
            return verify(*arguments)

        monkeypatch.setattr(Citizens, "verify", counted)
        cookie = known_after(guesser.tries("bram", "demo-bram"))
        answers = [guesser.tries("bram", "x", cookie=cookie) for _ in range(4 * MOST)]
        assert {answer.status_int for answer in answers} == {200}
        assert len(hashed) == 1 + MOST
        # It is of no use to others, of whom it would tell something.
        guesser.locks("anna", cookie=cookie)
        guesser.tries("anna", "x", cookie=cookie)
        assert len(hashed) == 1 + MOST + MOST + 1


class TestABrowserThatIsKnown:
    """Its cookie is good for a while, and as long as what she proved there is hers."""

    @pytest.fixture
    def becomes(self, federation):
        """Change what the hub knows of anna, and start it again."""

        def change(**said):
            file = federation.folder / "citizens.json"
            entries = json.loads(file.read_text())
            [hers] = [one for one in entries if one["username"] == "anna"]
            hers |= said
            file.write_text(json.dumps(entries))
            federation.apps["inloggen.test"] = federation._hub()  # noqa: SLF001

        return change

    @pytest.fixture
    def lets_in(self, guesser):
        """Whether one that brings a cookie has tries where others have none left."""

        def sign_in(cookie, password="demo-anna", **said):  # noqa: S107
            for _ in range(MOST):
                guesser.tries("anna", "x", **dict.fromkeys(said, WRONG))
            assert guesser.tries("anna", password, **said).status_int == 200
            answer = guesser.tries("anna", password, cookie=cookie, **said)
            return answer.status_int == 303

        return sign_in

    def test_is_so_while_her_password_is_the_same(self, guesser, becomes, lets_in):
        cookie = known_after(guesser.tries("anna", "demo-anna"))
        becomes(name="Anna de Tweede", email="", username="anna")
        assert lets_in(cookie)

    def test_is_so_for_none_who_knew_the_one_before(self, guesser, becomes, lets_in):
        """Else he guesses the new one in as many browsers as he has made known."""
        cookies = [known_after(guesser.tries("anna", "demo-anna")) for _ in range(2)]
        becomes(password=argon2.PasswordHasher(2, 19_456, 1).hash("a new one"))
        assert not any(lets_in(cookie, "a new one") for cookie in cookies)
        guesser.address = "192.0.2.67"
        hers = known_after(guesser.tries("anna", "a new one", cookie=cookies[0]))
        assert lets_in(hers, "a new one")

    def test_is_so_at_codes_while_they_are_on_the_same_telephone(  # noqa: PLR0913, PLR0917
        self, guesser, becomes, lets_in, citizens, code_of, clock
    ):
        cookie = known_after(guesser.tries("anna", "demo-anna", code=code_of("anna")))
        clock.shift(2 * MINUTE)
        assert lets_in(cookie, code=code_of("anna"))
        [bram] = [one for one in citizens if one.username == "bram"]
        becomes(totp_secret=bram.totp_secret)
        assert not lets_in(cookie, code=code_of("bram"))

    def test_is_so_for_nobody_who_has_her_name_after_her(
        self, guesser, becomes, lets_in
    ):
        cookie = known_after(guesser.tries("anna", "demo-anna"))
        becomes(id="another-anna")
        assert not lets_in(cookie)

    @pytest.mark.parametrize(("days", "is_known"), [(179, True), (181, False)])
    def test_is_so_for_180_days(self, guesser, lets_in, clock, days, is_known):
        """Also where a copy of its cookie is kept for longer."""
        cookie = known_after(guesser.tries("anna", "demo-anna"))
        clock.shift(days * DAY)
        assert lets_in(cookie) is is_known

    def test_is_so_for_as_long_again_once_she_signs_in(self, guesser, lets_in, clock):
        cookie = known_after(guesser.tries("anna", "demo-anna"))
        clock.shift(100 * DAY)
        cookie = known_after(guesser.tries("anna", "demo-anna", cookie=cookie))
        clock.shift(100 * DAY)
        assert lets_in(cookie)

    def test_has_nothing_in_its_cookie_that_can_be_read(
        self, guesser, citizens, code_of, clock
    ):
        said = {"code": code_of("anna")}
        cookie = known_after(guesser.tries("anna", "demo-anna", **said))
        value = cookie.partition("=")[2]
        octets = base64.urlsafe_b64decode(value)
        [anna] = [one for one in citizens if one.username == "anna"]
        for text in (anna.id, "anna", anna.password[-20:], anna.totp_secret):
            assert text not in value
            assert text.encode() not in octets
        again = known_after(guesser.tries("anna", "demo-anna", cookie=cookie))
        without = known_after(guesser.tries("anna", "demo-anna"))
        assert len({cookie, again, without}) == 3
        assert len({len(one) for one in (cookie, again, without)}) == 1

    def test_is_looked_for_alike_whoever_is_named(self, guesser, monkeypatch):
        """No name is told by the time that this takes."""
        cookie = known_after(guesser.tries("chaima", "demo-chaima"))
        opened, real = [], Sealer.open

        def counted(self, sealed, *bound_to, **more):
            opened.append(len(sealed))
            return real(self, sealed, *bound_to, **more)

        monkeypatch.setattr(Sealer, "open", counted)
        done = {}
        for name in ("anna", "nobody", ""):
            opened.clear()
            guesser.tries(name, "x", cookie=f"{cookie}.{cookie.partition('=')[2]}")
            done[name] = list(opened)
        assert done["anna"] == done["nobody"] == done[""]
        assert done["anna"]

    def test_has_no_more_tries_where_many_of_them_are_hers(
        self, guesser, monkeypatch, clock
    ):
        """Who knows her password makes as many known as he likes."""
        monkeypatch.setattr(
            "eilogin.hub.signin.signin_attempts._MOST_FOR_A_NAME", 2 * MOST + 1
        )
        cookies = [known_after(guesser.tries("anna", "demo-anna")) for _ in range(3)]
        for cookie in cookies[:2]:
            for _ in range(MOST):
                guesser.tries("anna", "x", cookie=cookie)
        guesser.tries("anna", "x", cookie=cookies[2])
        said = ("anna", "demo-anna")
        assert guesser.tries(*said, cookie=cookies[2]).status_int == 200
        assert guesser.tries(*said).status_int == 303, "others have theirs"
        clock.shift(15 * MINUTE)
        assert guesser.tries(*said, cookie=cookies[2]).status_int == 303

    def test_has_no_more_codes_where_many_of_them_are_hers(
        self, guesser, monkeypatch, clock, code_of
    ):
        """Who has been told codes of hers makes one known by each."""
        monkeypatch.setattr(
            "eilogin.hub.signin.signin_attempts._MOST_FOR_A_NAME", MOST + 1
        )
        cookies = []
        for _ in range(2):
            said = {"code": code_of("anna")}
            cookies.append(known_after(guesser.tries("anna", "demo-anna", **said)))
            clock.shift(2 * MINUTE)
        for cookie in (*cookies, *[cookies[0]] * (MOST - 1)):
            guesser.tries("anna", "demo-anna", code=WRONG, cookie=cookie)
        said = {"code": code_of("anna")}
        answers = [
            guesser.tries("anna", "demo-anna", **said, cookie=cookie).status_int
            for cookie in (cookies[1], "")
        ]
        assert answers == [200, 303], "others have theirs"
        clock.shift(15 * MINUTE)
        said = {"code": code_of("anna"), "cookie": cookies[1]}
        assert guesser.tries("anna", "demo-anna", **said).status_int == 303


class TestWhereSheComesFrom:
    def test_is_not_what_she_says(self, guesser, federation):
        """Whatever X-Forwarded-For it brings: the address is that of the socket."""
        for number in range(MOST):
            guesser.headers["X-Forwarded-For"] = f"198.51.100.{number}"
            guesser.tries("anna")
        guesser.headers["X-Forwarded-For"] = "198.51.100.99"
        assert guesser.tries("anna", "demo-anna").status_int == 200

    @pytest.mark.parametrize(
        "forged", ["198.51.100.{}, {}", "{}", "{},{}", "[::1]:{}, {}", ",,{}, {}"]
    )
    def test_is_what_our_own_proxy_says(
        self, eilogin_federation, witness, clock, forged
    ):
        federation = eilogin_federation(
            {"uwv.test": witness}, hub_options={"trusted_proxies": "10.0.0.0/8"}
        )
        guesser = Guesser(federation)
        guesser.address = "10.0.0.1"
        real = "203.0.113.77"
        for number in range(MOST):
            said = [real] if forged == "{}" else [number, real]
            guesser.headers["X-Forwarded-For"] = forged.format(*said)
            guesser.tries("anna")
        assert guesser.tries("anna", "demo-anna").status_int == 200
        guesser.headers["X-Forwarded-For"] = "203.0.113.78"
        assert guesser.tries("anna", "demo-anna").status_int == 303


class TestTheForm:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "none of these"},
            {"Origin": "https://evil.test"},
            {"Origin": "null"},
            {"Origin": "https://inloggen.test.evil.test"},
            {"Origin": "http://inloggen.test"},
            {"Origin": "https://inloggen.test:444"},
            {"Referer": "https://evil.test/https://inloggen.test/"},
            {"Sec-Fetch-Site": "cross-site", "Origin": HUB},
        ],
        ids=str,
    )
    def test_is_not_taken_from_another_site(self, guesser, headers):
        """Else somebody signs a citizen in as himself (login CSRF)."""
        guesser.headers = headers
        answer = guesser.tries("anna", "demo-anna")
        assert answer.status_int == 403
        assert "Set-Cookie" not in answer.headers
        assert re.search(r"[2-9A-Z]{3}-[2-9A-Z]{3}", answer.text)

    @pytest.mark.parametrize(
        "headers",
        [{"Sec-Fetch-Site": "same-origin"}, {"Origin": HUB}, {"Referer": LOGIN}],
        ids=str,
    )
    def test_of_its_own_page_is(self, guesser, headers):
        guesser.headers = headers
        assert guesser.tries("anna", "demo-anna").status_int == 303

    def test_is_not_taken_of_a_browser_that_was_not_shown_it(self, guesser):
        request = guesser.request("anna", "demo-anna")
        del request.headers["Cookie"]
        answer = request.get_response(guesser.federation)
        assert answer.status_int == 400
        assert "Set-Cookie" not in answer.headers

    def test_is_filled_in_by_who_keeps_passwords_and_in_no_other_way(self, federation):
        browser = federation.browser()
        browser.visit(f"{LOGIN}?level=midden")
        fields = dict(re.findall(r'<input [^>]*id="(\w+)"([^>]*)>', browser.page.text))
        assert set(fields) == {"username", "password", "code"}
        assert 'autocomplete="username"' in fields["username"]
        assert 'autocapitalize="none"' in fields["username"]
        assert 'type="password"' in fields["password"]
        assert 'autocomplete="current-password"' in fields["password"]
        assert 'autocomplete="one-time-code"' in fields["code"]
        assert not any("value=" in fields[name] for name in ("password", "code"))


class TestTheSession:
    def test_is_another_one_than_somebody_planted(self, federation):
        """Session fixation: a name that she was given never becomes hers."""
        browser = federation.browser()
        planted = "A" * 43
        browser.set_cookie("inloggen.test", "__Host-eilogin", planted)
        browser.visit(LOGIN)
        browser.press("Inloggen", username="anna", password="demo-anna")
        sessions = federation.apps["inloggen.test"].sessions
        hers = browser.cookie("inloggen.test", "__Host-eilogin")
        assert hers != planted
        assert sessions.find(hers)
        assert sessions.find(planted) is None

    def test_is_another_one_after_each_proof(self, federation, code_of, clock):
        browser = federation.browser()
        sessions = federation.apps["inloggen.test"].sessions
        had = []
        for _ in range(3):
            browser.visit(f"{LOGIN}?level=midden")
            fields = {"password": "demo-anna", "code": code_of("anna")}
            browser.press("Inloggen", username="anna", **fields)
            assert browser.url == f"{HUB}/", browser.text
            had.append(browser.cookie("inloggen.test", "__Host-eilogin"))
            clock.shift(2 * MINUTE)
        assert len(set(had)) == 3
        assert [sessions.find(one) is not None for one in had] == [False, False, True]


def test_passwords_are_hashed_as_owasp_asks():
    for citizen in demo_citizens():
        found = argon2.extract_parameters(citizen.password)
        assert found.type is argon2.Type.ID
        assert (found.memory_cost, found.time_cost) >= (19_456, 2)
        assert (found.hash_len, found.salt_len) >= (32, 16)
