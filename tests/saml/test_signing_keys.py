"""Keys and certificates: read, checked, made."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from eilogin.errors import ConfigurationError, MalformedMessage
from eilogin.saml.signing_keys import (
    CURVES,
    SigningKey,
    certificate_begins,
    certificate_ends,
    certificate_key,
    encryption_key,
    fingerprints,
    load_certificate,
    new_key_pair,
    public_key,
)


def pem_of(private, password=None):
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


def certificate_of(private, public=None):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public or private.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2034, 1, 1, tzinfo=UTC))
        .sign(private, hashes.SHA256())
    )


def text_of(certificate):
    der = certificate.public_bytes(serialization.Encoding.DER)
    return base64.b64encode(der).decode()


@pytest.fixture(scope="module")
def pair():
    return new_key_pair("hub.example.nl")


@pytest.fixture(scope="module")
def small():
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505


class TestANewPair:
    def test_belongs_together(self, pair):
        key = SigningKey.load(*pair)
        public = certificate_key(load_certificate(pair[1]))
        assert key.public.public_numbers() == public.public_numbers()
        assert public.key_size == 2048

    def test_names_its_owner_and_lasts_as_many_days_as_asked(self):
        with time_machine.travel("2024-02-29T12:00:00Z", tick=False):
            _, pem = new_key_pair("uwv.example.nl", days=10)
        certificate = load_certificate(pem)
        assert certificate.subject.rfc4514_string() == "CN=uwv.example.nl"
        begins = datetime(2024, 2, 29, 12, tzinfo=UTC)
        assert certificate.not_valid_before_utc == begins
        assert certificate.not_valid_after_utc == begins + timedelta(days=10)

    def test_is_valid_from_when_it_is_asked_for(self):
        pair = new_key_pair("uwv.example.nl", days=1, begins=1_577_836_800.5)
        text = SigningKey.load(*pair).certificate_text
        assert certificate_begins(text) == 1_577_836_800
        assert certificate_ends(text) == 1_577_836_800 + 86400

    def test_is_another_one_each_time(self, pair):
        assert new_key_pair("hub.example.nl")[0] != pair[0]


class TestASigningKey:
    def test_shows_no_key_in_its_repr(self, pair):
        shown = repr(SigningKey.load(*pair))
        assert "private" not in shown
        assert "PRIVATE" not in shown

    def test_gives_its_certificate_as_one_line_that_reads_back(self, pair):
        key = SigningKey.load(*pair)
        assert "\n" not in key.certificate_text
        read = public_key(key.certificate_text)
        assert read.public_numbers() == key.public.public_numbers()

    def test_refuses_the_certificate_of_another_key(self, pair):
        other = new_key_pair("hub.example.nl")
        with pytest.raises(ConfigurationError, match="do not belong together"):
            SigningKey.load(pair[0], other[1])

    @pytest.mark.parametrize(
        "pem",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"not PEM", id="text"),
            pytest.param(b"-----BEGIN PRIVATE KEY-----\nAAAA\n", id="cut off"),
        ],
    )
    def test_refuses_what_is_no_key(self, pair, pem):
        with pytest.raises(ConfigurationError, match="not a private key"):
            SigningKey.load(pem, pair[1])

    def test_tells_where_key_and_certificate_have_changed_places(self, pair):
        with pytest.raises(ConfigurationError, match="swap the two options"):
            SigningKey.load(pair[1], pair[0])

    def test_refuses_a_certificate_in_the_place_of_the_key(self, pair):
        with pytest.raises(ConfigurationError, match="certificate, and not a priv"):
            SigningKey.load(pair[1], pair[1])

    def test_refuses_a_key_in_the_place_of_the_certificate(self, pair):
        with pytest.raises(ConfigurationError, match="not a certificate"):
            SigningKey.load(pair[0], pair[0])

    def test_refuses_a_key_that_is_locked(self, pair):
        private = serialization.load_pem_private_key(pair[0], None)
        with pytest.raises(ConfigurationError, match="locked with a password"):
            SigningKey.load(pem_of(private, b"secret"), pair[1])

    @pytest.mark.parametrize("curve", CURVES)
    def test_may_be_of_an_elliptic_curve(self, curve):
        private = ec.generate_private_key(curve())
        key = SigningKey.load(*new_key_pair("hub.example.nl", private=private))
        assert key.public == private.public_key() == public_key(key.certificate_text)

    def test_refuses_a_key_of_another_kind(self, pair):
        strange = ed25519.Ed25519PrivateKey.generate()
        with pytest.raises(ConfigurationError, match=r"an RSA key of 2048.*or.*P-256"):
            SigningKey.load(pem_of(strange), pair[1])

    def test_refuses_another_curve(self):
        strange = ec.generate_private_key(ec.SECP256K1())
        pem = certificate_of(strange).public_bytes(serialization.Encoding.PEM)
        with pytest.raises(ConfigurationError, match=r"certificate is not for.*P-256"):
            SigningKey.load(pem_of(strange), pem)

    def test_refuses_a_small_key(self, small):
        pem = certificate_of(small).public_bytes(serialization.Encoding.PEM)
        with pytest.raises(
            ConfigurationError, match="1024 bits; expected at least 2048"
        ):
            SigningKey.load(pem_of(small), pem)


class TestACertificateInAMessage:
    def test_may_be_broken_over_lines(self, pair):
        key = SigningKey.load(*pair)
        text = key.certificate_text
        broken = "\r\n\t" + "\r\n\t".join(text[i : i + 64] for i in range(0, 1200, 64))
        read = public_key(broken)
        assert read.public_numbers() == key.public.public_numbers()

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="empty"),
            pytest.param("AAAA", id="not DER"),
            pytest.param("ÄÖÜ", id="not ASCII"),
            pytest.param("A", id="half base64"),
            pytest.param("-----BEGIN CERTIFICATE-----", id="PEM"),
        ],
    )
    def test_is_refused_where_it_is_none(self, text):
        with pytest.raises(MalformedMessage, match="cannot read"):
            public_key(text)

    def test_is_refused_where_it_is_too_long_to_look_at(self):
        with pytest.raises(MalformedMessage, match="too long"):
            public_key("A" * 20_001)

    def test_is_refused_for_another_curve(self):
        strange = ec.generate_private_key(ec.SECP256K1())
        with pytest.raises(MalformedMessage, match=r"is not for an RSA key.*P-256"):
            public_key(text_of(certificate_of(strange)))

    def test_is_refused_for_an_elliptic_key_where_it_has_to_encrypt(self, pair):
        elliptic = ec.generate_private_key(ec.SECP256R1())
        with pytest.raises(
            MalformedMessage, match="is not for an RSA key; expected RSA for enc"
        ):
            encryption_key(text_of(certificate_of(elliptic)))
        key = SigningKey.load(*pair)
        assert encryption_key(key.certificate_text) == key.public

    def test_is_refused_for_a_small_key(self, small):
        with pytest.raises(MalformedMessage, match="1024 bits"):
            public_key(text_of(certificate_of(small)))

    @pytest.mark.parametrize(
        ("bits", "last", "exponent"),
        [(16385, 1, 65537), (2048, 0, 65537), (4096, 1, 2**64 + 1)],
        ids=["large", "even", "long exponent"],
    )
    def test_is_refused_for_a_key_with_which_nobody_can_compute(
        self, bits, last, exponent
    ):
        """OpenSSL reads it, and raises when something is encrypted with it."""
        key = rsa.RSAPublicNumbers(exponent, 2 ** (bits - 1) + last).public_key()
        signer = ec.generate_private_key(ec.SECP256R1())
        with pytest.raises(MalformedMessage, match=f"{bits} bits that is not usable"):
            public_key(text_of(certificate_of(signer, key)))

    def test_is_refused_for_a_version_that_there_is_not(self, pair):
        certificate = SigningKey.load(*pair).certificate
        der = certificate.public_bytes(serialization.Encoding.DER)
        version = bytes.fromhex("a0030201")
        strange = der.replace(version + b"\2", version + b"\1", 1)
        assert strange != der
        text = base64.b64encode(strange).decode()
        for read in (public_key, fingerprints):
            with pytest.raises(
                MalformedMessage, match="eilogin cannot read a certificate"
            ):
                read(text)
        pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
        with pytest.raises(ConfigurationError, match="not a certificate in PEM form"):
            load_certificate(pem.encode())

    def test_is_refused_for_a_key_of_a_kind_that_nobody_knows(self, pair):
        der = base64.b64decode(SigningKey.load(*pair).certificate_text)
        # 1.2.840.113549.1.1.1 (rsaEncryption) becomes 1.2.840.113549.1.1.99.
        rsa_oid = bytes.fromhex("06092a864886f70d010101")
        assert der.count(rsa_oid) == 1
        strange = der.replace(rsa_oid, rsa_oid[:-1] + b"\x63")
        with pytest.raises(MalformedMessage, match="a key that eilogin cannot read"):
            public_key(base64.b64encode(strange).decode())
