"""A SOAP fault is logged in one line, without secrets."""

import socket

import pytest
from peer_answers import refusing, saying

from eilogin.errors import PeerUnavailable


class TestASoapFault:
    """The text of a refusal by a peer, which joins its log to ours."""

    def message(self, peer, channel, answer):
        server = peer(answer)
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(server.url(), b"")
        return str(caught.value).removeprefix(server.url())

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            pytest.param("refused, see 2G3-EZP", "'refused, see 2G3-EZP'", id="ours"),
            pytest.param("a &lt;b&gt; &amp; c", "'a <b> & c'", id="written as XML"),
            pytest.param("één\u2028twee", "'één twee'", id="two lines"),
            pytest.param("a\r\n b&#27;&#10;c", "'a b c'", id="control characters"),
            pytest.param("x" * 300, f"'{'x' * 200}'", id="cut"),
        ],
    )
    def test_is_told_in_one_line(self, peer, channel, words, expected):
        message = self.message(peer, channel, refusing(saying(words)))
        assert message == f" answered with status 500; it says {expected}"

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("AAQAAMh48/1oXIM+ is unknown", "… is unknown"),
            ("no aaqaamh48/1OXIM+", "no …"),
            ("cut: AAQAAMh48", "cut: …"),
            ("the index is 1764150000", "the index is 1764150000"),
            ("900000016 is not known in s00000000", "… is not known in s00000000"),
            ("not 900 000 016, not 9000.00.028", "not …, not …"),
            ("not 900-000-016", "not …"),
        ],
    )
    def test_repeats_no_artifact_and_no_number(self, peer, channel, words, expected):
        question = b"<e><samlp:Artifact>AAQAAMh48/1oXIM+</samlp:Artifact></e>"
        server = peer(refusing(saying(words)))
        with pytest.raises(PeerUnavailable, match="it says") as caught:
            channel().post(server.url(), question)
        assert str(caught.value).endswith(f" it says '{expected}'")

    @pytest.mark.parametrize("name", ["NameID", "saml:NameID", "saml:EncryptedID"])
    @pytest.mark.parametrize(
        "words",
        ["no session of anna@x.nl", "who is YW5uYUB4Lm5s", "anna%40x.nl", "an..."],
    )
    def test_is_not_repeated_where_the_question_is_about_somebody(
        self, peer, channel, name, words
    ):
        """It may name her in whatever spelling; encrypted, we cannot even compare."""
        question = f'<e><{name} Format="x">anna@x.nl</{name}></e>'.encode()
        server = peer(refusing(saying(words)))
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(server.url(), question)
        message = str(caught.value).removeprefix(server.url())
        assert words not in message
        assert message == (
            " answered with status 500; eilogin does not repeat its message, which"
            " may name a person: see the log of the peer"
        )
        assert caught.value.fault == "Client"

    def test_of_one_of_ours_has_a_number_for_its_log_all_the_same(self, peer, channel):
        server = peer(refusing(saying("refused, see 2G3-EZP")))
        with pytest.raises(PeerUnavailable, match="it says 'refused, see 2G3-EZP'"):
            channel().post(server.url(), b"<saml:NameID>anna@x.nl</saml:NameID>")

    def test_is_told_of_a_prefix_and_a_language(self, peer, channel):
        body = b'<s:Fault><s:faultstring xml:lang="nl">nee</s:faultstring></s:Fault>'
        message = self.message(peer, channel, refusing(body, status=b"403 No"))
        assert message == " answered with status 403; it says 'nee'"

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"<html><h1>Oops</h1></html>", id="a page"),
            pytest.param(b"\xff\xfe\x00", id="no text"),
            pytest.param(saying(" &#13; "), id="no words"),
            pytest.param(b" " * 4096 + saying("too far"), id="beyond what is read"),
        ],
    )
    def test_of_no_use_leaves_the_status(self, peer, channel, body):
        assert (
            self.message(peer, channel, refusing(body)) == " answered with status 500"
        )

    def test_that_does_not_come_leaves_the_status(self, peer, channel):
        # Neither one that stops halfway, nor one that is waited for in vain.
        answer = refusing(saying("refused")) + b" "
        halfway = answer.replace(b"Length: ", b"Length: 9")

        def behave(peer, connection):
            connection.sendall(halfway)
            connection.shutdown(socket.SHUT_RDWR)

        message = " answered with status 500"
        assert self.message(peer, channel, behave) == message
        with pytest.raises(PeerUnavailable, match=f"{message}$"):
            channel().post(peer(halfway).url(), b"", timeout=0.2)

    def test_is_not_read_of_who_sends_us_elsewhere(self, peer, channel):
        answer = refusing(saying("refused"), status=b"302 Found")
        assert self.message(peer, channel, answer) == " answered with status 302"
