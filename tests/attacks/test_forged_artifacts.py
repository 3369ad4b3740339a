"""What a hub answers for an artifact, forged: over the back channel, for a browser.

A participant fetches it itself, so the answers of :class:`arena.Voice` stand in the
place of the hub's. Of one login few artifacts are looked at: after every two forgeries
the good answer is taken in that same login (I8). What a refusal may change in a store
is that an artifact was brought.
"""

import gzip
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from arena import SVB, Voice
from attempts import WANTED, asked, once_each
from forging import MALFORMED, ROOT, UNTRUSTED
from forging.answers import ANSWERS
from forging.artifacts import ARTIFACTS, GOOD, Resolved
from forging.documents import DOCUMENTS, LARGEST, SIZES, SPLITS
from forging.envelopes import ENVELOPES, Enveloped
from forging.envelopes import GOOD as GOOD_ENVELOPES
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES

from eilogin.saml import bindings, messages, safe_xml

#: Forgeries for one login under way: a third artifact is for the good answer.
_MOST = 2
#: What counts the artifacts, and calls, of one login: names of rows in the store.
COUNTED = ("artifact:", "unanswered:")


class Artifacts:
    """Logins under way, for each of which a few artifacts are brought."""

    def __init__(self, arena):
        self._arena, self._instead = arena, arena.federation.instead
        trust = arena.federation.trusts[SVB]
        (hub,) = trust.hub_ids
        place = urlsplit(trust.hub(hub).artifact_resolution(0).location)
        self._place = (place.hostname, place.path)
        self._tried = []
        self.begin()

    def begin(self):
        self.under_way = self._arena.begin(SVB)
        self._asked = asked(self._arena, self.under_way, ROOT)
        self._tried.clear()

    def refuses(self, forgery, make, headers=()):
        """It is refused for its trick, and nothing has changed."""
        self._tried.append(str(forgery))
        try:
            with self._arena.unchanged(*COUNTED):
                answer = self._brings(make, headers=headers)
            told = self._arena.refuses(answer, sent=[WANTED])
            forgery.expects(told["reason"])
            assert not self._arena.is_logged_in(self.under_way)
        except AssertionError:
            self.begin()
            raise
        if len(self._tried) >= _MOST:
            self.close()

    def takes(self, make):
        """It is taken, as it was signed; and on to a new login."""
        arena, visitor = self._arena, self.under_way.visitor
        name = self._asked.name
        try:
            answer = self._brings(make)
            assert answer.location, (answer, answer.text)
            page = arena.arrive(visitor, answer.location)
            assert arena.user(page) == name, (page, page.text)
        finally:
            self.begin()

    def close(self):
        tried = ", ".join(self._tried)
        try:
            self.takes(Resolved.answer)
        except AssertionError as error:
            error.add_note(f"I8: after {tried}")
            raise
        self._arena.others_stay()

    def is_left_without(self, status, headers, make):
        """The hub gives no answer: a page says so, and nothing has changed."""
        with self._arena.unchanged(*COUNTED):
            answer = self._brings(make, status, headers)
        assert answer.status == 502
        assert self._arena.told(answer)["reason"] == "peer-unavailable"
        assert not self._arena.is_logged_in(self.under_way)
        self.close()

    def _brings(self, make, status="200 OK", headers=()):
        """Have the browser bring an artifact, for which the hub answers so."""
        failed = []

        def answers(body):
            resolve = messages.read_artifact_resolve(bindings.unwrap_soap(body))
            try:
                return make(Resolved(self._asked, resolve))
            except Exception as error:
                failed.append(error)
                raise

        handle = self.under_way.relay_state
        artifact = self._asked.hub.artifact()
        url = bindings.artifact_url(self.under_way.request.acs_url, artifact, handle)
        self._instead[self._place] = voice = Voice(answers)
        voice.status = status
        voice.headers = [*voice.headers, *headers]
        try:
            return self.under_way.visitor.get(url)
        finally:
            del self._instead[self._place]
            assert not failed, failed


@pytest.fixture(scope="module")
def artifacts(arena):
    artifacts = Artifacts(arena)
    yield artifacts
    artifacts.close()


def those_of_root(*families):
    """Generic ones, each once, of a message that is signed itself."""
    return [forgery for family in families for forgery in family.of(ROOT)]


@pytest.mark.parametrize(
    "forgery",
    [*those_of_root(SHAPES, SIZES), *those_of_root(SIGNATURES, DOCUMENTS)[::4]],
    ids=str,
)
def test_a_forged_response_is_refused(artifacts, forgery):
    artifacts.refuses(forgery, lambda it: forgery.make(it.message(WANTED)))


@pytest.mark.parametrize("oddity", those_of_root(SPLITS, LARGEST), ids=str)
def test_an_odd_document_says_what_was_signed(artifacts, oddity):
    artifacts.takes(lambda it: oddity.make(it.message(WANTED)))


@pytest.mark.parametrize("forgery", [*ARTIFACTS], ids=str)
def test_a_response_that_is_not_for_this_question_is_refused(artifacts, forgery):
    artifacts.refuses(forgery, forgery.make)


@pytest.mark.parametrize("oddity", [*GOOD], ids=str)
def test_an_odd_response_that_is_good_is_taken(artifacts, oddity):
    artifacts.takes(oddity.make)


#: What is said of the form, and of a Destination that by artifact may be absent.
_BY_POST = ("parameters", "relay-state", "destination-missing", "destination-empty")


@pytest.mark.parametrize(
    ("forgery", "place"),
    [
        each
        for each in once_each(ANSWERS)[::5]
        if each.values[0].kind != "parameters"
        and not each.values[0].name.startswith(_BY_POST)
    ],
)
def test_an_answer_that_is_wrong_inside_is_refused(artifacts, forgery, place):
    """All is signed around it, by the right key."""

    def make(it):
        return it.carries(forgery.make(replace(it.asked, place=place)))

    artifacts.refuses(forgery, make)


@pytest.mark.parametrize("forgery", [*ENVELOPES], ids=str)
def test_a_forged_envelope_is_refused(artifacts, forgery):
    either = replace(forgery, reasons=(*forgery.reasons, UNTRUSTED))
    artifacts.refuses(either, lambda it: forgery.make(_enveloped(it)))


@pytest.mark.parametrize("oddity", [*GOOD_ENVELOPES], ids=str)
def test_an_odd_envelope_that_is_good_is_taken(artifacts, oddity):
    artifacts.takes(lambda it: oddity.make(_enveloped(it, with_login=False)))


def _enveloped(it, *, with_login=True):
    """A good one, and an evil one: without a login where that may stand beside it."""
    message = it.message(WANTED)
    evil = message.evil() if with_login else it.root(carried=False)
    return Enveloped(safe_xml.serialize(message.root), safe_xml.serialize(evil))


REDIRECTED = [
    "302 Found",
    "301 Moved Permanently",
    "303 See Other",
    "307 Temporary Redirect",
]


@pytest.mark.parametrize("status", REDIRECTED)
def test_a_hub_that_sends_elsewhere_is_not_followed(arena, artifacts, status):
    """Not even where the answer is in what it sends elsewhere with (I5)."""
    elsewhere = [("Location", arena.outside.url)]
    artifacts.is_left_without(status, elsewhere, Resolved.answer)
    assert arena.outside.count == 0


@pytest.mark.parametrize(
    "status", ["500 Internal Server Error", "404 Not Found", "201 Created"]
)
def test_a_hub_that_answers_with_another_status_has_not_answered(artifacts, status):
    artifacts.is_left_without(status, [], Resolved.answer)


def test_a_hub_that_answers_without_end_is_read_to_an_end(artifacts):
    def endless(it):
        return it.answer() + b" " * 2_000_000

    artifacts.is_left_without("200 OK", [], endless)


def test_rejects_gzipped_artifact_response(artifacts):
    """A bomb would be small on its way."""

    def packed(it):
        return gzip.compress(it.answer() + b" " * 10_000_000)

    encoded = [("Content-Encoding", "gzip")]
    forgery = next(iter(ARTIFACTS))
    either = replace(forgery, name="gzip", reasons=(MALFORMED,))
    artifacts.refuses(either, packed, encoded)
