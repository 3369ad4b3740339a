"""A photo in a form survives a login: in pieces, under limits, and gone afterwards."""

import hashlib
import io
import tracemalloc
from types import SimpleNamespace

import pytest

from eilogin.errors import FormLost, MessageTooLarge, StoreUnavailable
from eilogin.participant.forms.kept_forms import (
    LIFETIME,
    MOST_FORMS,
    PIECE,
    KeptForm,
    KeptForms,
)
from eilogin.sessions import Subject
from eilogin.stores import Values, open_store
from eilogin.web.browser.random_handles import new_handle
from eilogin.web.limits import storage_quota
from eilogin.web.limits.storage_quota import MOST_IN_ALL, Room
from eilogin.web.requests import body_in_pieces
from eilogin.web.visit import Visit

HERE = "https://uwv.test/eilogin/metadata"
ANNA, BART = (Subject("https://hub.test", HERE, name) for name in ("anna", "bart"))
OWN = SimpleNamespace(entity_id=HERE, sealing_secrets=[b"a secret of this site"])
MEGA = 1024**2
LIMIT = 8 * MEGA
TARGET = "/mijn/foto"
HOME, OFFICE = "192.0.2.7/32", "192.0.2.8/32"


@pytest.fixture(params=["memory:", "sqlite:///{}/store.db"])
def store(request, tmp_path, clock):
    store = open_store(request.param.format(tmp_path))
    yield store
    store.close()


@pytest.fixture
def kept(store):
    return KeptForms(Values(store, HERE), OWN, LIMIT)


class Photo:
    """A body that is made while it is read, so that it takes no memory itself."""

    def __init__(self, size):
        self.size = self.left = size
        self.hash = hashlib.sha256()

    def read(self, size):
        size = min(size, self.left, 100_000)
        octets = (b"%09d," % self.left * (size // 10 + 1))[:size]
        self.left -= size
        self.hash.update(octets)
        return octets


def keep(kept, body, who=ANNA, *, network=HOME, limit=LIMIT):
    """Keep a form as the filter does."""
    environ = {"CONTENT_LENGTH": str(body.size), "wsgi.input": body}
    pieces = body_in_pieces(Visit(environ), limit, PIECE)
    form = KeptForm(
        TARGET, "multipart/form-data; boundary=x", "", 1.0, next(pieces, b"")
    )
    return kept.store(
        form, kept.tag_of(who), pieces, reserved=body.size, network=network
    )


def stored(store):
    """Which pieces of a form the store has, by its handle."""
    values = Values(store, HERE)
    return lambda handle: [
        number
        for number in range(1, LIMIT // PIECE + 1)
        if values.get(f"kept:{handle}:{number}") is not None
    ]


class TestAPhoto:
    @pytest.mark.parametrize(
        "size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 6 * MEGA, LIMIT]
    )
    def test_is_the_same_afterwards_and_gone_from_the_store(self, kept, store, size):
        body = Photo(size)
        handle, secret = keep(kept, body)
        form, again = kept.take(handle, secret, ANNA, TARGET)
        assert form.size == size
        digest = hashlib.sha256()
        # As an application reads: as much as was announced, and no more.
        while size:
            part = again.read(min(size, 65_536))
            digest.update(part)
            size -= len(part)
        assert digest.digest() == body.hash.digest()
        assert stored(store)(handle) == []
        assert again.read() == b""

    def test_can_be_read_in_lines(self, kept):
        lines = [b"%d\n" % number for number in range(PIECE // 4)]
        octets = b"".join(lines)
        source = io.BytesIO(octets)
        source.size = len(octets)
        handle, secret = keep(kept, source)
        _, again = kept.take(handle, secret, ANNA, TARGET)
        assert list(again) == lines

    def test_is_never_whole_in_memory(self, tmp_path, clock):
        store = open_store(f"sqlite:///{tmp_path}/store.db")
        kept = KeptForms(Values(store, HERE), OWN, LIMIT)
        keep(kept, Photo(PIECE * 2), BART)
        tracemalloc.start()
        handle, secret = keep(kept, Photo(6 * MEGA))
        _, again = kept.take(handle, secret, ANNA, TARGET)
        while again.read(65_536):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        store.close()
        assert peak < 3 * MEGA

    def test_is_sealed_in_the_store(self, tmp_path, clock):
        store = open_store(f"sqlite:///{tmp_path}/store.db")
        keep(KeptForms(Values(store, HERE), OWN, LIMIT), Photo(MEGA))
        store.close()
        octets = b"".join(f.read_bytes() for f in tmp_path.glob("store.db*"))
        assert len(octets) > MEGA
        for word in (b"000500000,", TARGET.encode(), b"boundary", HOME.encode()):
            assert word not in octets

    def test_is_gone_after_an_hour(self, kept, store, clock):
        handle, secret = keep(kept, Photo(MEGA))
        clock.shift(LIFETIME)
        with pytest.raises(FormLost):
            kept.look(handle, secret, ANNA)
        assert stored(store)(handle) == []

    def test_of_which_a_piece_is_lost_breaks_off(self, kept, store):
        handle, secret = keep(kept, Photo(MEGA))
        Values(store, HERE).take(f"kept:{handle}:2")
        _, again = kept.take(handle, secret, ANNA, TARGET)
        with pytest.raises(OSError, match="piece 2 of a kept form"):
            again.read()

    def test_that_the_application_does_not_read_goes_with_the_next_ones(
        self, kept, store, clock
    ):
        handle, secret = keep(kept, Photo(MEGA))
        kept.take(handle, secret, ANNA, TARGET)
        assert stored(store)(handle) == [1, 2, 3]
        for _ in range(MOST_FORMS):
            clock.shift(1)
            keep(kept, Photo(1))
        assert stored(store)(handle) == []


class TestAPhotoThatIsNotKept:
    def test_is_not_read_where_its_length_is_too_much(self, kept):
        body = Photo(LIMIT + 1)
        with pytest.raises(MessageTooLarge):
            keep(kept, body)
        assert body.left == body.size

    @pytest.fixture
    def handle(self, clock, monkeypatch):
        """The handle of the next form."""
        handle = new_handle()
        monkeypatch.setattr(
            "eilogin.participant.forms.kept_forms.new_handle", lambda: handle
        )
        return handle

    def test_leaves_nothing_where_it_breaks_off(self, kept, store, handle):
        body = Photo(MEGA)
        body.size *= 2
        with pytest.raises(Exception, match="too early"):
            keep(kept, body)
        assert stored(store)(handle) == []
        assert has_room(kept, MOST_IN_ALL // 4)

    def test_leaves_nothing_where_the_store_fails(
        self, kept, store, handle, monkeypatch
    ):
        add = kept._values.add  # noqa: SLF001

        def full(key, *args, **kwargs):
            if key.endswith(":3"):
                raise StoreUnavailable("disk is full")
            return add(key, *args, **kwargs)

        monkeypatch.setattr(kept._values, "add", full)  # noqa: SLF001
        with pytest.raises(StoreUnavailable):
            keep(kept, Photo(2 * MEGA))
        assert stored(store)(handle) == []
        assert has_room(kept, MOST_IN_ALL // 4)

    def test_leaves_nothing_where_newer_ones_came_in_meanwhile(
        self, kept, store, handle, monkeypatch
    ):
        body = Photo(2 * MEGA)
        read = body.read

        def slowly(size):
            if body.left == MEGA and body.read is slowly:
                body.read = read
                monkeypatch.undo()
                for _ in range(MOST_FORMS):
                    keep(kept, Photo(1))
            return read(
                min(size, max(1, body.left - MEGA) if body.left > MEGA else size)
            )

        body.read = slowly
        keep(kept, body)
        assert stored(store)(handle) == []


def has_room(kept, size, network=HOME):
    """Whether exactly so many bytes of a network are free."""
    room = kept._room  # noqa: SLF001
    tag = kept._forms.tag(network) if network else ""  # noqa: SLF001
    if not room.reserve(size, tag):
        return False
    return not room.reserve(storage_quota.counted(0), tag)


#: Of a site whose limits are smaller.
SITE = 16 * MEGA
LARGEST = MEGA


class TestTheLimits:
    @pytest.fixture
    def kept(self, clock, monkeypatch):
        monkeypatch.setattr(storage_quota, "MOST_IN_ALL", SITE)
        store = open_store("memory:")
        yield KeptForms(Values(store, HERE), OWN, LARGEST)
        store.close()

    def fill(self, kept, network, size=LARGEST):
        """Keep forms of citizens, each of another one, until there is no room."""
        for number in range(100):
            who = Subject("https://hub.test", HERE, f"{network}{number}")
            if keep(kept, Photo(size), who, network=network) is None:
                return number
        raise AssertionError("there is no end")

    def test_one_network_has_a_quarter_and_others_have_room_still(self, kept):
        first = keep(kept, Photo(LARGEST))
        assert self.fill(kept, HOME) == SITE // 4 // LARGEST - 1
        assert keep(kept, Photo(LARGEST), BART, network=OFFICE)
        assert kept.look(*first, ANNA), "and nobody pushes out those of others"

    def test_a_site_has_all_of_it(self, kept, caplog):
        for number in range(4):
            self.fill(kept, f"192.0.2.{number}/32")
        assert keep(kept, Photo(1), BART, network=OFFICE) is None
        assert "no space left at this site" in caplog.text
        assert OFFICE not in caplog.text

    def test_clients_without_address_share_only_the_site_limit(self, kept):
        assert self.fill(kept, "") == SITE // LARGEST

    def test_a_form_that_was_sent_gives_back_its_room(self, kept):
        handle, secret = keep(kept, Photo(LARGEST))
        kept.take(handle, secret, ANNA, TARGET)[1].read()
        assert has_room(kept, SITE // 4)

    def test_a_form_that_is_pushed_out_gives_back_its_room(self, kept, clock):
        for _ in range(MOST_FORMS + 5):
            keep(kept, Photo(LARGEST))
            clock.shift(1)
        assert has_room(kept, SITE // 4 - MOST_FORMS * LARGEST)

    def test_a_form_whose_end_alone_tells_its_length_gives_back_the_rest(self, kept):
        """It came in chunks."""
        environ = {"wsgi.input_terminated": True, "wsgi.input": Photo(PIECE * 2)}
        pieces = body_in_pieces(Visit(environ), LARGEST, PIECE)
        form = KeptForm(TARGET, "text/plain", "", 1.0, next(pieces))
        kept.store(form, kept.tag_of(ANNA), pieces, reserved=LARGEST, network=HOME)
        assert has_room(kept, SITE // 4 - PIECE * 2)

    def test_room_that_nobody_gives_back_is_there_again_later(self, kept, clock):
        self.fill(kept, HOME)
        clock.shift(LIFETIME / 2)
        assert keep(kept, Photo(1)) is None
        clock.shift(LIFETIME)
        assert has_room(kept, SITE // 4)

    def test_larger_forms_have_more_room(self, kept):
        room = Room(kept._values, 64 * MEGA)  # noqa: SLF001
        assert room.reserve(4 * 64 * MEGA, "x")
        assert not room.reserve(1, "x")
