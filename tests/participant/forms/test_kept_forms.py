"""Forms that are kept: for whom, for how long, and how many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webob import Request

from eilogin import clock as instants
from eilogin.errors import FormLost, FormOfAnother, FormSent
from eilogin.federation import Own
from eilogin.federation.local.local_keys import OwnKey
from eilogin.participant.forms.kept_forms import (
    LIFETIME,
    MOST_FORMS,
    KeptForm,
    KeptForms,
)
from eilogin.participant.forms.post_replay import PostReplay
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.sessions import Subject
from eilogin.stores import Values, open_store
from eilogin.web import environ as env
from eilogin.web.browser.random_handles import is_handle
from eilogin.web.browser.sealing import as_text
from eilogin.web.limits.client_network import ClientNetworkCheck
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit

HERE = "https://uwv.test/eilogin/metadata"
ANNA, BART = (
    Subject("https://hub.test/metadata", HERE, name) for name in ("900000016", "bart")
)
OLD, NEW = b"the secret of last year", b"the secret of this year"
BODY = b"bezwaar=Ik+ben+het+er+niet+mee+eens\0\xff"
UNTIL = 4e9
FORM = KeptForm("/mijn/bezwaar?jaar=2026", "text/plain", "https://uwv.test/", 1.0, BODY)


@pytest.fixture(scope="module")
def key():
    return SigningKey.load(*new_key_pair("uwv.test"))


@pytest.fixture(params=["memory:", "sqlite:///{}/store.db"])
def store(request, tmp_path, clock):
    store = open_store(request.param.format(tmp_path))
    yield store
    store.close()


@pytest.fixture
def kept_by(store, key):
    """What a participant keeps, by its secrets."""

    def make(*secrets):
        own = Own(
            role="participant",
            public_url="https://uwv.test",
            prefix="/eilogin",
            keys=(OwnKey.of(key),),
            entity_id=HERE,
            back_channel_url="https://uwv.test",
            secrets=secrets,
        )
        return KeptForms(Values(store, HERE), own)

    return make


@pytest.fixture
def kept(kept_by):
    return kept_by(NEW)


def keep(kept, who=ANNA, form=FORM):
    return kept.store(form, kept.tag_of(who))


class TestAForm:
    @given(
        target=st.text(),
        content_type=st.text(),
        referer=st.text(),
        body=st.binary(),
    )
    def test_is_the_same_afterwards(self, target, content_type, referer, body):
        form = KeptForm(target, content_type, referer, 5.0, body)
        assert KeptForm.from_octets(form.to_octets()) == form

    def test_tells_no_log_what_is_in_it(self):
        assert "bezwaar=" not in repr(FORM)

    def test_is_there_for_who_sent_it(self, kept):
        handle, secret = keep(kept)
        assert is_handle(handle)
        kept.check(handle)
        assert kept.look(handle, secret, ANNA) == FORM

    def test_is_taken_once(self, kept):
        handle, secret = keep(kept)
        form, body = kept.take(handle, secret, ANNA, FORM.target)
        assert (form, body.read()) == (FORM, BODY)
        for ask in (kept.look, lambda *a: kept.take(*a, FORM.target)):
            with pytest.raises(FormSent):
                ask(handle, secret, ANNA)
        with pytest.raises(FormSent):
            kept.check(handle)

    def test_is_taken_once_by_two_at_the_same_time(self, kept, monkeypatch):
        """Both have looked before either has taken it."""
        handle, secret = keep(kept)
        opened = kept._open(handle, secret, ANNA)  # noqa: SLF001 - to look first
        monkeypatch.setattr(kept, "_open", lambda *a: opened)
        kept.take(handle, secret, ANNA, FORM.target)
        with pytest.raises(FormSent):
            kept.take(handle, secret, ANNA, FORM.target)

    def test_is_not_sent_to_another_address(self, kept):
        handle, secret = keep(kept)
        with pytest.raises(FormLost):
            kept.take(handle, secret, ANNA, "/mijn/bezwaar?jaar=2027")
        assert kept.look(handle, secret, ANNA) == FORM

    def test_is_gone_when_another_citizen_asks_for_it(self, kept):
        handle, secret = keep(kept)
        with pytest.raises(FormOfAnother):
            kept.look(handle, secret, BART)
        with pytest.raises(FormLost):
            kept.look(handle, secret, ANNA)

    def test_is_not_for_a_browser_that_did_not_send_it(self, kept):
        handle, secret = keep(kept)
        for held in ("", "x" * len(secret)):
            with pytest.raises(FormLost):
                kept.look(handle, held, BART)
        assert kept.look(handle, secret, ANNA) == FORM, "and that does it no harm"

    def test_is_gone_after_an_hour(self, kept, clock):
        handle, secret = keep(kept)
        clock.shift(LIFETIME - 1)
        assert kept.look(handle, secret, ANNA) == FORM
        clock.shift(1)
        with pytest.raises(FormLost):
            kept.look(handle, secret, ANNA)

    def test_that_was_never_there_is_lost(self, kept):
        with pytest.raises(FormLost):
            kept.look("00000000-" + 22 * "x", "", ANNA)

    def test_kept_form_with_record_of_another_version_is_lost(self, kept, store):
        handle, secret = keep(kept)
        values = Values(store, HERE)
        values.take(f"kept:{handle}")
        values.add(f"kept:{handle}", "something else", 2e9)
        with pytest.raises(FormLost):
            kept.look(handle, secret, ANNA)


class TestOfOneCitizen:
    def test_the_oldest_gives_way(self, kept, clock):
        held = []
        for _ in range(MOST_FORMS + 2):
            held.append(keep(kept))
            clock.shift(1)
        others = keep(kept, BART)
        for handle, secret in held[:2]:
            with pytest.raises(FormLost):
                kept.look(handle, secret, ANNA)
        for handle, secret in held[2:]:
            assert kept.look(handle, secret, ANNA) == FORM
        assert kept.look(*others, BART) == FORM

    def test_one_that_comes_too_late_is_not_forgotten_in_the_store(
        self, kept, store, monkeypatch
    ):
        """Others of hers come in after it was noted, and before it is stored."""
        seal = kept._forms.seal  # noqa: SLF001

        def slowly(*args, **kwargs):
            monkeypatch.undo()
            for _ in range(MOST_FORMS):
                keep(kept)
            return seal(*args, **kwargs)

        monkeypatch.setattr(kept._forms, "seal", slowly)  # noqa: SLF001
        handle, _ = keep(kept)
        with pytest.raises(FormLost):
            kept.check(handle)

    def test_too_many_at_once_are_not_kept(self, kept, store, monkeypatch):
        keep(kept)
        monkeypatch.setattr(store, "swap", lambda *_, **__: False)
        assert keep(kept) is None


class TestInTheStore:
    def test_it_takes_a_third_more_than_it_is(self, kept, store):
        body = bytes(1024**2)
        handle, _ = keep(kept, form=KeptForm("/mijn", "text/plain", "", 1.0, body))
        size = len(Values(store, HERE).get(f"kept:{handle}"))
        assert size < len(body) * 4 / 3 + 1024

    def test_stands_nothing_that_can_be_read(self, kept, store, tmp_path):
        keep(kept)
        store.close()
        files = list(tmp_path.glob("store.db*"))
        octets = b"".join(file.read_bytes() for file in files)
        for word in (b"bezwaar", b"jaar=2026", b"text/plain", b"900000016"):
            assert word not in octets


class TestASecret:
    def test_of_yesterday_is_still_good_beside_the_new_one(self, kept_by):
        handle, secret = keep(kept_by(OLD))
        assert kept_by(NEW, OLD).look(handle, secret, ANNA) == FORM

    def test_that_is_gone_takes_its_forms_along(self, kept_by):
        handle, secret = keep(kept_by(OLD))
        with pytest.raises(FormLost, match="unknown secret"):
            kept_by(NEW).look(handle, secret, ANNA)
        assert kept_by(OLD).look(handle, secret, ANNA) == FORM

    def test_is_made_of_the_key_where_none_is_configured(self, kept_by):
        handle, secret = keep(kept_by())
        assert kept_by().look(handle, secret, ANNA) == FORM
        with pytest.raises(FormLost):
            kept_by(NEW).look(handle, secret, ANNA)


class TestANoteOfWhoseASessionIs:
    def test_tells_it_together_with_the_token_alone(self, kept):
        note = kept.note_for(ANNA, "token", UNTIL)
        assert kept.tag_in(note, "token") == kept.tag_of(ANNA)
        assert kept.tag_in(note, "another token") is None
        assert kept.tag_in(note, "token", "a network") is None

    def test_tells_nobody_else_anything(self, kept):
        tag = kept.tag_of(ANNA)
        assert tag not in kept.note_for(ANNA, "token", UNTIL)
        assert ANNA.name_id not in tag
        assert ANNA.label() not in tag

    @pytest.mark.parametrize("note", ["", "x", "é", 100 * "A"])
    def test_cannot_be_made_up(self, kept, note):
        assert kept.tag_in(note, "token") is None

    def test_has_an_end_whatever_keeps_it(self, kept, clock):
        note = kept.note_for(ANNA, "token", instants.now() + 60)
        clock.shift(59)
        assert kept.tag_in(note, "token") == kept.tag_of(ANNA)
        clock.shift(1)
        assert kept.tag_in(note, "token") is None

    def test_of_another_version_tells_nobody(self, kept):
        octets = kept._owners.seal(b"of before", HERE, "token", "")  # noqa: SLF001
        assert kept.tag_in(as_text(octets), "token") is None

    def test_of_an_old_secret_leads_to_a_form_that_she_can_send(self, kept_by):
        note = kept_by(OLD).note_for(ANNA, "token", UNTIL)
        both = kept_by(NEW, OLD)
        handle, secret = both.store(FORM, both.tag_in(note, "token"))
        assert both.look(handle, secret, ANNA) == FORM


def test_without_a_login_nothing_is_shown_whoever_asks(federation):
    """The filter asks for one before; this is what happens if it ever does not."""
    asked = Request.blank("https://uwv.test/eilogin/again?form=x").environ
    asked[env.SESSION] = None
    asked[env.SESSIONS] = federation.apps["uwv.test"].sessions
    asked[env.TRUST] = federation.trusts["uwv.test"]
    assert (
        PostReplay(Pages(), 1, ClientNetworkCheck("off")).show(Visit(asked)).status_int
        == 410
    )
