"""The calls of the hub's store at each step of a login.

With Redis, each call is a round trip. If you add one, these tables show it: change them
if it is worth that. A row has the number of reads and of writes, and the verbs.
"""

from collections import Counter

import pytest

from eilogin.saml import bindings, messages

HUB = "https://inloggen.test"
READS = ("read", "items", "find", "get")
WRITES = ("create", "append", "end", "add", "take", "swap", "touch")


class CountingStore:
    """A store that counts the calls of each verb."""

    def __init__(self, store):
        self._store = store
        self.counts = Counter()

    def __getattr__(self, name):
        value = getattr(self._store, name)
        if name in READS + WRITES:
            self.counts[name] += 1
        return value


class CountingHub:
    """The hub, which takes a millisecond for each request."""

    def __init__(self, hub, clock):
        self._hub, self._clock = hub, clock
        self._store = hub.sessions.store = CountingStore(hub.sessions.store)
        #: A row for each request.
        self.rows = []

    def __getattr__(self, name):
        return getattr(self._hub, name)

    def __call__(self, environ, start_response):
        self._clock.shift(0.001)
        before = self._store.counts.copy()
        answer = list(self._hub(environ, start_response))
        step = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        self.rows.append(_row(step, self._store.counts - before))
        return answer


def _row(step, counts):
    reads, writes = (sum(counts[v] for v in verbs) for verbs in (READS, WRITES))
    called = (f"{counts[v]} {v}" for v in READS + WRITES if counts[v])
    text = ", ".join(called).replace("1 ", "")
    return f"{step:14} {reads} + {writes:2} = {reads + writes:2}  {text}".rstrip()


@pytest.fixture
def table(federation, clock):
    """Let something happen; the rows of its requests to the hub."""
    hub = federation.apps["inloggen.test"]
    counting = federation.apps["inloggen.test"] = CountingHub(hub, clock)

    def of(act, *arguments, **more):
        counting.rows.clear()
        act(*arguments, **more)
        return counting.rows

    return of


@pytest.fixture
def ask(citizen, service):
    """Bring a request of a participant to the hub, by Redirect."""

    def ask(of=service, **changes):
        citizen.visit(of.address(of.request(**changes)))

    return ask


class TestASignIn:
    def test_for_a_participant(self, table, ask, citizen):
        assert table(ask) == [
            "GET /sso       1 +  0 =  1  get",
            "GET /sso       0 +  0 =  0",
        ]
        assert table(citizen.sign_in, url=None) == [
            "POST /login    2 +  8 = 10  find, get, create, 4 add, 3 swap",
            "GET /sso       2 +  4 =  6  read, items, append, add, take, touch",
        ]

    def test_in_a_known_browser(self, table, citizen):
        citizen.sign_in().visit(f"{HUB}/logout").browser.press("Overal uitloggen")
        assert table(citizen.sign_in)[:2] == [
            "GET /login     0 +  0 =  0",
            "POST /login    1 +  5 =  6  find, create, 2 add, 2 swap",
        ]

    def test_with_a_code(self, table, ask, citizen):
        ask(level="midden")
        assert table(citizen.sign_in, url=None, code=citizen.code()) == [
            "POST /login    2 + 11 = 13  find, get, create, 6 add, take, 3 swap",
            "GET /sso       2 +  4 =  6  read, items, append, add, take, touch",
        ]

    def test_with_a_wrong_password_twice(self, table, citizen):
        citizen.visit(f"{HUB}/login")
        tries = [
            *table(citizen.sign_in, url=None, password="x"),
            *table(citizen.sign_in, url=None, password="x"),
        ]
        assert tries == [
            "POST /login    1 +  3 =  4  get, 3 add",
            "POST /login    3 +  5 =  8  3 get, 2 add, 3 swap",
        ]


class TestAnAnswerWithoutAPrompt:
    def test_by_post(self, table, ask, citizen):
        citizen.sign_in()
        assert [*table(ask), *table(ask)] == [
            "GET /sso       2 +  3 =  5  read, items, append, add, touch",
            "GET /sso       3 +  2 =  5  read, items, get, swap, touch",
        ]

    def test_by_artifact(self, table, ask, citizen, service):
        service.binding = bindings.ARTIFACT
        citizen.sign_in()
        assert [*table(ask), *table(ask), *table(service.answer)] == [
            "GET /sso       2 +  4 =  6  read, items, append, 2 add, touch",
            "GET /sso       3 +  3 =  6  read, items, get, add, swap, touch",
            "POST /artifact 0 +  1 =  1  take",
        ]

    def test_to_a_request_by_post(self, table, citizen, service):
        """The browser sends no cookie with it: the hub redirects to its own address."""
        citizen.sign_in()
        element = messages.write_authn_request(service.request())
        fields = service.party.by_post("SAMLRequest", element, "handle")
        post = citizen.browser.post
        assert table(post, f"{HUB}/sso", site="cross-site", **fields) == [
            "POST /sso      1 +  0 =  1  get",
            "GET /sso       2 +  3 =  5  read, items, append, add, touch",
        ]
