"""Sealing: what only we can make and read, though others keep it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text

OLD, NEW, OTHER = (bytes([n]) * 32 for n in (1, 2, 3))


@pytest.fixture
def sealer():
    return Sealer([NEW, OLD], "test")


class TestASealedText:
    @given(octets=st.binary(max_size=200), words=st.lists(st.text(), max_size=3))
    def test_opens_where_it_was_sealed_for(self, octets, words):
        sealer = Sealer([NEW], "test")
        assert sealer.open(sealer.seal(octets, *words), *words) == octets

    def test_tells_nothing_and_is_never_the_same(self, sealer):
        first, second = sealer.seal(b"900000016"), sealer.seal(b"900000016")
        assert b"900000016" not in first
        assert first != second

    @pytest.mark.parametrize(
        ("sealed_for", "opened_for"),
        [
            (("a", "b"), ("a",)),
            (("a", "b"), ("b", "a")),
            (("a", "b"), ("ab",)),
            (("a", "b"), ("a", "b", "")),
            ((), ("a",)),
        ],
    )
    def test_opens_nowhere_else(self, sealer, sealed_for, opened_for):
        sealed = sealer.seal(b"x", *sealed_for)
        with pytest.raises(NotSealed):
            sealer.open(sealed, *opened_for)

    def test_needs_both_secrets_where_two_have_sealed_it(self, sealer):
        sealed = sealer.seal(b"x", also_by=b"of the browser")
        assert sealer.open(sealed, also_by=b"of the browser") == b"x"
        for other in (b"", b"of another browser"):
            with pytest.raises(NotSealed):
                sealer.open(sealed, also_by=other)

    def test_is_of_no_use_for_another_purpose(self, sealer):
        with pytest.raises(NotSealed):
            Sealer([NEW, OLD], "other").open(sealer.seal(b"x"))

    @given(data=st.data())
    def test_cannot_be_changed_or_cut_off(self, data):
        sealer = Sealer([NEW], "test")
        sealed = sealer.seal(b"a secret text")
        place = data.draw(st.integers(0, len(sealed) - 1))
        flipped = bytearray(sealed)
        flipped[place] ^= data.draw(st.integers(1, 255))
        for changed in (bytes(flipped), sealed[:place], sealed + b"x"):
            with pytest.raises(NotSealed):
                sealer.open(changed)

    @given(st.binary(max_size=100))
    def test_is_not_made_by_guessing(self, octets):
        with pytest.raises(NotSealed):
            Sealer([NEW], "test").open(octets)

    def test_of_an_old_secret_still_opens_and_of_one_that_is_gone_does_not(self):
        sealed = Sealer([OLD], "test").seal(b"x")
        assert Sealer([NEW, OLD], "test").open(sealed) == b"x"
        for known in ([NEW], [OTHER, NEW]):
            with pytest.raises(NotSealed, match="unknown secret"):
                Sealer(known, "test").open(sealed)

    def test_is_sealed_by_the_newest_secret(self, sealer):
        assert Sealer([NEW], "test").open(sealer.seal(b"x")) == b"x"
        assert Sealer([NEW], "test").is_tag_of(sealer.tag("anna"), "anna")


class TestATag:
    def test_stands_for_a_name_that_it_does_not_tell(self, sealer):
        assert "anna" not in sealer.tag("anna")
        assert sealer.tag("anna") == sealer.tag("anna")
        assert sealer.is_tag_of(sealer.tag("anna"), "anna")
        assert not sealer.is_tag_of(sealer.tag("anna"), "bart")

    def test_of_an_old_secret_still_counts(self, sealer):
        old = Sealer([OLD], "test").tag("anna")
        assert old != sealer.tag("anna")
        assert sealer.is_tag_of(old, "anna")
        assert not Sealer([NEW], "test").is_tag_of(old, "anna")

    @given(st.text(max_size=80))
    def test_is_not_made_by_guessing(self, text):
        assert not Sealer([NEW], "test").is_tag_of(text, "anna")


class TestAsText:
    @given(st.binary(max_size=100))
    def test_a_sealed_text_comes_back(self, octets):
        assert from_text(as_text(octets)) == octets

    @pytest.mark.parametrize("text", ["é", "a", "a b=", "abc\n"])
    def test_invalid_text_is_rejected(self, text):
        with pytest.raises(NotSealed):
            from_text(text)
