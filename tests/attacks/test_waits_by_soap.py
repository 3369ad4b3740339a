"""A peer that hangs, and logouts from server to server, which come from no network.

Somebody has accounts, logs in and out as often as he likes, and all that from one
network: who comes from another one is still logged out everywhere. Nor does one member
take all places of the hub, where there are more than a participant of ours takes. Real
servers and their threads are in ``test_waits.py``.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

HUB = "https://inloggen.test"
SOAP = f"{HUB}/slo/soap"
SITES = ("uwv.test", "stad.test", "land.test")
HIS, HERS = "192.0.2.66", "203.0.113.1"
#: Longer than anything takes that does come.
PATIENCE = 30
UNTOLD = "Wij blijven proberen"


@pytest.fixture
def most():
    """How many logouts of the hub may wait: what it says where nobody says it."""
    return "3"


@pytest.fixture(autouse=True)
def hangs_soon(monkeypatch):
    """A slot that is held for a fifth of a second hangs: nobody waits for it longer."""
    monkeypatch.setattr("eilogin.web.limits.slots._LONGEST_HELD", 0.2)


@pytest.fixture
def federation(clock, witness, eilogin_federation, most):
    """Of its participants uwv's logs out over SOAP alone; nobody's patience ends."""
    return eilogin_federation(
        dict.fromkeys(SITES, witness),
        options={"uwv.test": {"logout_binding": "soap", "logout_timeout": "60s"}},
        hub_options={"logouts_at_once": most, "logout_timeout": "60s"},
    )


@pytest.fixture
def log_in(federation):
    """The browser of somebody who is logged in at uwv's and at stad's."""

    def log_in(name, address=HIS):
        browser = federation.browser()
        browser.address = address
        browser.visit("https://uwv.test/mijn")
        browser.press("Inloggen", username=name, password=f"demo-{name}")
        browser.visit("https://stad.test/mijn")
        assert browser.url == "https://stad.test/mijn"
        browser.session_at_hub = browser.cookie("inloggen.test", "__Host-eilogin")
        return browser

    return log_in


@pytest.fixture
def is_at_hub(federation):
    sessions = federation.apps["inloggen.test"].sessions
    return lambda browser: sessions.find(browser.session_at_hub) is not None


class Begun:
    """Logouts that are under way, each in a thread."""

    def __init__(self, threads, asked, goes_on):
        self._threads, self._asked, self._goes_on = threads, asked, goes_on

    def wait(self, logout, *args):
        """Begin one that comes as far as to wait for stad's."""
        task = self._threads.submit(logout, *args)
        assert self._asked.acquire(timeout=PATIENCE), task.result(PATIENCE)
        return task

    def begin(self, logout, *args):
        """Begin one that waits as well, or is told at once that it may not."""
        task = self._threads.submit(logout, *args)
        while not task.done() and not self._asked.acquire(timeout=0.1):
            pass
        return task

    def end(self, *tasks):
        """Have stad's confirm all of them; what comes of these."""
        self._goes_on.set()
        return [task.result(PATIENCE) for task in tasks]


@pytest.fixture
def begun(federation):
    """Meanwhile stad's confirms no logout."""
    app = federation.apps["stad.test"]
    asked, goes_on = threading.Semaphore(0), threading.Event()

    def slow(environ, start_response):
        if environ["PATH_INFO"] == "/eilogin/slo/soap":
            asked.release()
            assert goes_on.wait(PATIENCE)
        return app(environ, start_response)

    with ThreadPoolExecutor(8) as threads, ExitStack() as stack:
        stack.callback(goes_on.set)
        federation.apps["stad.test"] = slow
        yield Begun(threads, asked, goes_on)


def log_out(browser):
    """Log out at uwv's; what the browser shows."""
    browser.post("https://uwv.test/eilogin/logout", site="same-origin", next="/")
    return browser.text


def log_out_at_hub(browser):
    browser.visit(f"{HUB}/")
    browser.press("Overal uitloggen")
    return browser.text


class TestAParticipantThatHasOneNetworkAtWork:
    """As many of his are at the hub as of one network may be."""

    @pytest.fixture
    def anna(self, log_in):
        return log_in("anna", HERS)

    @pytest.fixture
    def third(self, anna, log_in, begun):
        """One more browser of his."""
        for name in ("bram", "chaima"):
            begun.wait(log_out, log_in(name))
        return log_in("bram")

    def test_tells_the_hub_no_more_of_his(self, third, is_at_hub, begun):
        (text,) = begun.end(begun.begin(log_out, third))
        assert UNTOLD in text
        assert is_at_hub(third)

    @pytest.mark.parametrize("way", [log_out, log_out_at_hub])
    def test_has_others_log_out_everywhere(self, third, anna, is_at_hub, begun, way):
        begun.begin(log_out, third)
        (text,) = begun.end(begun.begin(way, anna))
        assert anna.page.status_int == 200
        assert UNTOLD not in text
        assert not is_at_hub(anna)


class TestAMemberWhoseServerBringsThem:
    """It says nothing of networks, and may be any software."""

    @pytest.fixture
    def soap(self, call, party, federation):
        """A member's LogoutRequest, as some other software sends it; the status."""

        def soap(browser, host="uwv.test"):
            member, sessions = party(host), federation.apps[host].sessions
            login = sessions.find(browser.cookie(host, "__Host-eilogin"))
            name = login.who.as_name_id()
            request = member.logout_request(name, SOAP, login.session_index)
            return call("POST", SOAP, member.by_soap(request)).status_int

        return soap

    def three(self, soap, log_in, begun):
        return [begun.wait(soap, log_in(name)) for name in ("bram", "chaima", "bram")]

    def test_may_send_as_many_as_a_participant_of_ours_does(self, soap, log_in, begun):
        assert begun.end(*self.three(soap, log_in, begun)) == [200, 200, 200]


class TestWhereMoreMayWait(TestAMemberWhoseServerBringsThem):
    @pytest.fixture
    def most(self):
        return "4"

    @pytest.mark.parametrize("is_by_soap", [False, True], ids=["a browser", "a member"])
    def test_leaves_one_for_others(self, soap, log_in, is_at_hub, begun, is_by_soap):
        anna = log_in("anna", HERS)
        anna.visit("https://land.test/mijn")
        tasks = self.three(soap, log_in, begun)
        refused = begun.begin(soap, log_in("bram"))
        if is_by_soap:
            tasks.append(begun.begin(soap, anna, "land.test"))
        else:
            tasks.append(begun.begin(log_out_at_hub, anna))
        begun.end(*tasks)
        assert refused.result() == 500
        assert not is_at_hub(anna)
