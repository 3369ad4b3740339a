"""What is encrypted is opened by its keys alone, and every failure looks the same."""

import base64
import itertools
import secrets
from functools import partial

import pytest
import xmlsec
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from eilogin.errors import AlgorithmMissing, DecryptionFailed
from eilogin.saml.safe_xml import parse, q, serialize, validate
from eilogin.saml.weak_algorithms import CBC, RSA_1_5
from eilogin.saml.xml_encryption import (
    ENCRYPTION_METHODS,
    Decrypter,
    EncryptionMethod,
    encrypt,
)

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
DS = "http://www.w3.org/2000/09/xmldsig#"
GCM = XENC11 + "aes256-gcm"
OAEP_SHA1 = XENC + "rsa-oaep-mgf1p"
OAEP_11 = XENC11 + "rsa-oaep"
PKCS1 = XENC + "rsa-1_5"
NAME = f'<saml:NameID xmlns:saml="{SAML}">q7Xw2 é</saml:NameID>'
NAME_OCTETS = NAME.encode()

WRAPPERS = ["saml:EncryptedAssertion", "saml:EncryptedID", "saml:EncryptedAttribute"]


# --- how others do it -----------------------------------------------------------------


def by_gcm(key, octets):
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, octets, None)


def by_cbc(cipher, key, octets, padding=None):
    size = cipher.block_size // 8
    length = size - len(octets) % size
    filled = octets + secrets.token_bytes(length - 1)
    filled += bytes([length if padding is None else padding])
    start = secrets.token_bytes(size)
    context = Cipher(cipher(key), modes.CBC(start)).encryptor()
    return start + context.update(filled) + context.finalize()


CIPHERS = {
    XENC11 + "aes128-gcm": (16, by_gcm),
    XENC11 + "aes192-gcm": (24, by_gcm),
    GCM: (32, by_gcm),
    XENC + "aes128-cbc": (16, partial(by_cbc, AES)),
    XENC + "aes192-cbc": (24, partial(by_cbc, AES)),
    XENC + "aes256-cbc": (32, partial(by_cbc, AES)),
    XENC + "tripledes-cbc": (24, partial(by_cbc, TripleDES)),
}
DIGESTS = {
    DS + "sha1": hashes.SHA1(),  # noqa: S303 - as peers send it
    XENC + "sha256": hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384(),
    XENC + "sha512": hashes.SHA512(),
}


def digest_of(uri):
    return f'<ds:DigestMethod Algorithm="{uri}"/>'


def mask_of(uri):
    return f'<e:MGF xmlns:e="{XENC11}" Algorithm="{uri}"/>'


def key_xml(octets, algorithm=OAEP_SHA1, inside="", attributes=""):
    value = base64.encodebytes(octets).decode()
    return (
        f"<xenc:EncryptedKey {attributes}>"
        f'<xenc:EncryptionMethod Algorithm="{algorithm}">{inside}'
        "</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>"
        f"{value}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
    )


def data_xml(octets, algorithm=GCM, info="", attributes=""):
    value = base64.b64encode(octets).decode()
    return (
        f"<xenc:EncryptedData {attributes}>"
        f'<xenc:EncryptionMethod Algorithm="{algorithm}"/>'
        f"<ds:KeyInfo>{info}</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>"
        f"{value}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
    )


def wrapped(inside, around=""):
    """An EncryptedID, in its place in a document."""
    return parse(
        f'<a xmlns:xenc="{XENC}" xmlns:ds="{DS}" xmlns:saml="{SAML}" {around}>'
        f"<saml:EncryptedID>{inside}</saml:EncryptedID></a>".encode()
    )[0]


SHA1_OAEP = OAEP(MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303


def sealed(key, octets=NAME_OCTETS, algorithm=GCM, **wrapping):
    """Encrypt with ``algorithm`` and one OAEP key; ``wrapping`` is for ``wrapped``."""
    size, seal = CIPHERS[algorithm]
    session_key = secrets.token_bytes(size)
    locked = key.public.encrypt(session_key, SHA1_OAEP)
    return wrapped(
        data_xml(seal(session_key, octets), algorithm, key_xml(locked)), **wrapping
    )


# --- fixtures -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ours(hub_key):
    return hub_key


@pytest.fixture
def opens(ours):
    """What our key opens in a wrapper; ``weak`` algorithms only where they are said."""

    def opens(wrapper, *weak, is_covered=True):
        decrypter = Decrypter([ours.private], frozenset(weak))
        return decrypter.open(wrapper, is_covered=is_covered)

    return opens


def pem(key):
    return key.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


# --- to and from ----------------------------------------------------------------------


def opened_by_xmlsec(data, key):
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(pem(key), xmlsec.constants.KeyDataFormatPem))
    return xmlsec.EncryptionContext(manager).decrypt(data)


class TestWhatWeEncrypt:
    @pytest.mark.parametrize("wrapper", WRAPPERS)
    def test_is_opened_with_its_key(self, ours, opens, wrapper):
        outer = encrypt(etree.fromstring(NAME), wrapper, ours.public)
        assert outer.tag == q(wrapper)
        received = parse(serialize(outer))
        assert b"q7Xw2" not in serialize(received)
        opened = opens(received)
        assert opened.tag == q("saml:NameID")
        assert opened.text == "q7Xw2 é"
        assert opened.getparent() is None

    @pytest.mark.parametrize("cipher", ["aes128-gcm", "aes192-gcm", "aes256-gcm"])
    @pytest.mark.parametrize(
        "wanted",
        [
            (OAEP_SHA1, "", ""),
            (OAEP_SHA1, DS + "sha1", ""),
            (OAEP_SHA1, XENC + "sha256", XENC11 + "mgf1sha1"),
            (OAEP_11, "", ""),
            (OAEP_11, XENC + "sha256", ""),
            (OAEP_11, XENC + "sha256", XENC11 + "mgf1sha1"),
            (OAEP_11, XENC + "sha256", XENC11 + "mgf1sha256"),
        ],
    )
    def test_is_as_the_reader_wants_it(self, ours, opens, cipher, wanted):
        transport, digest, mask = wanted
        # XML encryption 1.1 has all of these; the first that we have counts.
        methods = [
            EncryptionMethod("urn:x-test:newer"),
            EncryptionMethod(XENC + "aes256-cbc"),
            EncryptionMethod(XENC11 + cipher),
            EncryptionMethod(GCM),
            EncryptionMethod(PKCS1),
            EncryptionMethod(OAEP_SHA1, mask=XENC11 + "mgf1sha256"),
            EncryptionMethod(OAEP_11, digest="urn:x-test:newer"),
            EncryptionMethod(transport, digest, mask),
        ]
        outer = encrypt(etree.fromstring(NAME), WRAPPERS[1], ours.public, methods)
        received = parse(serialize(outer))
        validate(received, "assertion")
        algorithms = [e.get("Algorithm") for e in received.iter() if e.get("Algorithm")]
        assert algorithms == [
            XENC11 + cipher,
            transport,
            digest or DS + "sha1",
            *([mask] if mask.endswith("256") else []),
        ]
        assert opens(received).text == "q7Xw2 é"
        assert opened_by_xmlsec(received[0], ours).text == "q7Xw2 é"

    @pytest.mark.parametrize("methods", [[GCM], [OAEP_SHA1], [], ["urn:x-test:newer"]])
    def test_is_usual_where_the_reader_says_nothing_of_it(self, ours, opens, methods):
        method_list = list(map(EncryptionMethod, methods))
        outer = encrypt(etree.fromstring(NAME), WRAPPERS[1], ours.public, method_list)
        algorithms = [e.get("Algorithm") for e in outer.iter() if e.get("Algorithm")]
        assert algorithms == [GCM, OAEP_SHA1, DS + "sha1"]
        assert opens(parse(serialize(outer))).text == "q7Xw2 é"

    @pytest.mark.parametrize(
        "methods",
        [
            [EncryptionMethod(XENC + "aes256-cbc"), EncryptionMethod(OAEP_SHA1)],
            [EncryptionMethod(GCM), EncryptionMethod(PKCS1)],
            [EncryptionMethod(OAEP_11, digest="urn:x-test:newer")],
            [EncryptionMethod(OAEP_11, mask="urn:x-test:newer")],
        ],
        ids=["cipher", "transport", "digest", "mask"],
    )
    def test_is_nothing_where_the_reader_takes_none_of_ours(self, ours, methods):
        with pytest.raises(AlgorithmMissing, match=r"expected one of aes256-gcm.*Ask"):
            encrypt(etree.fromstring(NAME), WRAPPERS[1], ours.public, methods)

    def test_is_by_what_we_publish_and_open(self, ours, opens):
        ciphers = [m for m in ENCRYPTION_METHODS if "gcm" in m.algorithm]
        transports = [m for m in ENCRYPTION_METHODS if m not in ciphers]
        assert len(ciphers) == 3
        assert len(transports) == 2
        for methods in itertools.product(ciphers, transports):
            outer = encrypt(etree.fromstring(NAME), WRAPPERS[1], ours.public, methods)
            assert outer.find(f".//{q('xenc:EncryptedKey')}") is not None
            assert opens(parse(serialize(outer))).text == "q7Xw2 é"

    def test_is_valid_by_the_schema(self, ours):
        outer = encrypt(etree.fromstring(NAME), "saml:EncryptedID", ours.public)
        validate(parse(serialize(outer)), "assertion")

    def test_is_never_the_same_twice(self, ours):
        first, second = (
            serialize(encrypt(etree.fromstring(NAME), WRAPPERS[0], ours.public))
            for _ in range(2)
        )
        assert first != second

    def test_keeps_the_namespaces_that_are_declared_around_it(self, ours, opens):
        root = parse(
            b'<a xmlns:saml="urn:s" xmlns:x="urn:x"><saml:B t="x:c"/> tail</a>'
        )
        outer = encrypt(root[0], "saml:EncryptedAttribute", ours.public)
        opened = opens(parse(serialize(outer)))
        assert opened.tag == "{urn:s}B"
        assert opened.nsmap["x"] == "urn:x"
        assert opened.tail is None

    @pytest.mark.parametrize("reader", ["xmlsec", "python3-saml"])
    def test_is_opened_by_others(self, ours, reader):
        outer = encrypt(etree.fromstring(NAME), "saml:EncryptedID", ours.public)
        data = parse(serialize(outer))[0]
        if reader == "xmlsec":
            opened = opened_by_xmlsec(data, ours)
        else:
            opened = OneLogin_Saml2_Utils.decrypt_element(data, pem(ours).decode())
        assert opened.text == "q7Xw2 é"

    @settings(
        max_examples=30,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
    def test_comes_out_as_it_went_in_whatever_the_text(self, ours, opens, text):
        element = etree.Element(q("saml:AttributeValue"))
        text = text.replace("\ufffe", "").replace("\uffff", "")
        element.text = text
        outer = encrypt(element, "saml:EncryptedAttribute", ours.public)
        assert (opens(parse(serialize(outer))).text or "") == text


class TestWhatOthersEncrypt:
    @pytest.mark.parametrize("algorithm", CIPHERS)
    def test_with_any_cipher_is_opened(self, ours, opens, algorithm):
        weak = (CBC,) if algorithm.endswith("cbc") else ()
        assert opens(sealed(ours, algorithm=algorithm), *weak).text == "q7Xw2 é"

    @pytest.mark.parametrize("digest", DIGESTS)
    @pytest.mark.parametrize("algorithm", [OAEP_SHA1, OAEP_11])
    def test_with_any_digest_of_oaep_is_opened(self, ours, opens, algorithm, digest):
        session_key = secrets.token_bytes(32)
        padding = OAEP(MGF1(hashes.SHA1()), DIGESTS[digest], None)  # noqa: S303
        locked = ours.public.encrypt(session_key, padding)
        info = key_xml(locked, algorithm, digest_of(digest))
        wrapper = wrapped(data_xml(by_gcm(session_key, NAME_OCTETS), info=info))
        assert opens(wrapper).text == "q7Xw2 é"

    @pytest.mark.parametrize(
        ("name", "mask"),
        list(
            zip(["sha1", "sha256", "sha384", "sha512"], DIGESTS.values(), strict=True)
        ),
    )
    def test_with_any_mask_of_oaep_is_opened(self, ours, opens, name, mask):
        session_key = secrets.token_bytes(32)
        label = b"a label"
        padding = OAEP(MGF1(mask), hashes.SHA256(), label)
        inside = (
            f"<xenc:OAEPparams>{base64.b64encode(label).decode()}</xenc:OAEPparams>"
            + digest_of(XENC + "sha256")
            + mask_of(f"{XENC11}mgf1{name}")
        )
        info = key_xml(ours.public.encrypt(session_key, padding), OAEP_11, inside)
        wrapper = wrapped(data_xml(by_gcm(session_key, NAME_OCTETS), info=info))
        validate(wrapper, "assertion")
        assert opens(wrapper).text == "q7Xw2 é"

    def test_by_rsa_1_5_is_opened_for_who_takes_it(self, ours, opens):
        session_key = secrets.token_bytes(32)
        info = key_xml(ours.public.encrypt(session_key, PKCS1v15()), PKCS1)
        wrapper = wrapped(data_xml(by_gcm(session_key, NAME_OCTETS), info=info))
        assert opens(wrapper, RSA_1_5).text == "q7Xw2 é"

    def test_by_xmlsec_is_opened_in_the_place_where_it_was_put(self, ours, opens):
        """libxmlsec does not write the namespaces that are declared further out."""
        root = etree.fromstring(
            f'<a xmlns:ns1="{SAML}"><ns1:EncryptedID><ns1:NameID>q7Xw2</ns1:NameID>'
            "</ns1:EncryptedID></a>"
        )
        template = xmlsec.template.encrypted_data_create(
            root, xmlsec.constants.TransformAes256Gcm, type=XENC + "Element", ns="xenc"
        )
        xmlsec.template.encrypted_data_ensure_cipher_value(template)
        info = xmlsec.template.encrypted_data_ensure_key_info(template, ns="dsig")
        inner = xmlsec.template.add_encrypted_key(
            info, xmlsec.constants.TransformRsaOaep
        )
        xmlsec.template.encrypted_data_ensure_cipher_value(inner)
        manager = xmlsec.KeysManager()
        manager.add_key(
            xmlsec.Key.from_memory(pem(ours), xmlsec.constants.KeyDataFormatPem)
        )
        context = xmlsec.EncryptionContext(manager)
        context.key = xmlsec.Key.generate(
            xmlsec.constants.KeyDataAes, 256, xmlsec.constants.KeyDataTypeSession
        )
        context.encrypt_xml(template, root[0][0])
        opened = opens(parse(etree.tostring(root))[0])
        assert (opened.tag, opened.text) == (q("saml:NameID"), "q7Xw2")

    @pytest.mark.parametrize(
        ("text", "around"),
        [
            pytest.param("<s:NameID>q</s:NameID>", f'xmlns:s="{SAML}"', id="prefix"),
            pytest.param("<NameID>q</NameID>", f'xmlns="{SAML}"', id="default"),
            pytest.param(
                f'<s:NameID xmlns:s="{SAML}">q</s:NameID>',
                'xmlns:s="urn:other"',
                id="declared-anew",
            ),
            pytest.param(
                f' <saml:NameID xmlns:saml="{SAML}">q</saml:NameID>\n', "", id="spaces"
            ),
            pytest.param(
                f'<NameID xmlns="{SAML}"><![CDATA[q]]><!-- x --></NameID>',
                "xmlns:x='urn:(a;b)'",
                id="cdata-comment-and-odd-name",
            ),
        ],
    )
    def test_has_the_namespaces_around_it_in_scope(self, ours, opens, text, around):
        opened = opens(sealed(ours, text.encode(), around=around))
        assert (opened.tag, opened.text) == (q("saml:NameID"), "q")


def new_key():
    return secrets.token_bytes(16)


def _seems_to_fit(octets, key):
    context = Cipher(AES(key), modes.CBC(octets[:16])).decryptor()
    return 1 <= (context.update(octets[16:]) + context.finalize())[-1] <= 16


class TestKeys:
    def _sealed_twice(self, first, second, place="inside"):
        """For two readers, in that order."""
        session_key = secrets.token_bytes(32)
        locked = [
            key_xml(
                key.public.encrypt(session_key, SHA1_OAEP),
                attributes=f'Id="_k{number}" Recipient="https://{number}.test"',
            )
            for number, key in enumerate((first, second))
        ]
        octets = by_gcm(session_key, NAME_OCTETS)
        if place == "inside":
            return wrapped(data_xml(octets, info="".join(locked)))
        info = '<ds:RetrievalMethod URI="#_k1"/>' if place == "named" else ""
        return wrapped(data_xml(octets, info=info) + "".join(locked))

    @pytest.mark.parametrize("place", ["inside", "beside", "named"])
    @pytest.mark.parametrize("is_first", [True, False])
    def test_may_stand_inside_or_beside_and_be_several(
        self, ours, other_key, opens, place, is_first
    ):
        readers = (ours, other_key) if is_first else (other_key, ours)
        assert opens(self._sealed_twice(*readers, place)).text == "q7Xw2 é"

    @pytest.mark.parametrize("is_first", [True, False])
    def test_of_ours_are_all_tried(self, ours, other_key, is_first):
        keys = [ours.private, other_key.private]
        decrypter = Decrypter(keys if is_first else keys[::-1])
        assert decrypter.open(sealed(ours)).text == "q7Xw2 é"
        assert decrypter.open(sealed(other_key)).text == "q7Xw2 é"

    def test_are_all_tried_whatever_came_of_those_before(self, ours, other_key):
        """How long it takes does not tell which one fits."""
        tried = []

        class Watched:
            def __init__(self, key):
                self.key = key

            def decrypt(self, octets, padding):
                tried.append(self.key)
                return self.key.decrypt(octets, padding)

        keys = [ours.private, other_key.private]
        decrypter = Decrypter([Watched(key) for key in keys])
        decrypter.open(self._sealed_twice(ours, other_key))
        assert tried == keys * 2

    def test_that_we_do_not_take_are_passed_over_beside_one_that_we_do(
        self, ours, opens
    ):
        session_key = secrets.token_bytes(32)
        weak = key_xml(ours.public.encrypt(session_key, PKCS1v15()), PKCS1)
        good = key_xml(ours.public.encrypt(session_key, SHA1_OAEP))
        octets = by_gcm(session_key, NAME_OCTETS)
        assert opens(wrapped(data_xml(octets, info=weak + good))).text == "q7Xw2 é"

    def test_are_at_most_three(self, ours, opens):
        session_key = secrets.token_bytes(32)
        octets = by_gcm(session_key, NAME_OCTETS)
        key = key_xml(ours.public.encrypt(session_key, SHA1_OAEP))
        assert opens(wrapped(data_xml(octets, info=key * 3))).text == "q7Xw2 é"
        with pytest.raises(DecryptionFailed, match="more than 3"):
            opens(wrapped(data_xml(octets, info=key * 4)))

    def test_cost_a_message_so_many_tries(self, ours, other_key):
        """Each is a private operation, for each attribute that is encrypted."""
        decrypter, wrapper = Decrypter([other_key.private, ours.private]), sealed(ours)
        for _ in range(25):
            assert decrypter.open(wrapper, is_covered=True).text == "q7Xw2 é"
        with pytest.raises(DecryptionFailed, match="more than 50 tries"):
            decrypter.open(wrapper, is_covered=True)

    def test_lead_to_one_content_that_is_looked_at(self, ours, opens):
        """However many open the same, it is parsed once."""
        session_key = secrets.token_bytes(32)
        inside = f"<a>{'<b/>' * 4_900}</a>".encode()
        key = key_xml(ours.public.encrypt(session_key, SHA1_OAEP))
        wrappers = [
            wrapped(data_xml(by_gcm(session_key, inside), info=key * often))
            for often in (1, 3)
        ]
        parsed = []
        begin = etree.fromstring

        def counting(octets, parser):
            parsed.append(len(octets))
            return begin(octets, parser)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(etree, "fromstring", counting)
            assert [len(opens(wrapper)) for wrapper in wrappers] == [4_900] * 2
        assert len(parsed) == 4

    def test_that_seem_to_fit_stop_no_other(self, ours):
        """CBC does not tell a wrong key: now and then its padding looks right."""
        algorithm, session_key = XENC + "aes128-cbc", secrets.token_bytes(16)
        octets = by_cbc(AES, session_key, NAME_OCTETS)
        wrong = next(filter(partial(_seems_to_fit, octets), iter(new_key, None)))
        keys = [
            key_xml(ours.public.encrypt(key, SHA1_OAEP)) for key in (wrong, session_key)
        ]
        wrapper = wrapped(data_xml(octets, algorithm, "".join(keys)))
        decrypter = Decrypter([ours.private], frozenset([CBC]))
        assert decrypter.open(wrapper, is_covered=True).text == "q7Xw2 é"

    def test_are_in_no_repr(self, ours):
        assert "RSAPrivateKey" not in repr(Decrypter([ours.private]))

    def test_that_we_lack_are_asked_for(self, ours):
        with pytest.raises(DecryptionFailed, match="use an RSA key"):
            Decrypter(()).open(sealed(ours))


# --- refused --------------------------------------------------------------------------


class TestWeakAlgorithms:
    def _by_rsa_1_5(self, key):
        session_key = secrets.token_bytes(32)
        info = key_xml(key.public.encrypt(session_key, PKCS1v15()), PKCS1)
        return wrapped(data_xml(by_gcm(session_key, NAME_OCTETS), info=info))

    @pytest.mark.parametrize("weak", [(), (RSA_1_5,)])
    @pytest.mark.parametrize("algorithm", [a for a in CIPHERS if a.endswith("cbc")])
    def test_cbc_is_refused_by_its_name_unless_it_is_asked_for(
        self, ours, opens, algorithm, weak
    ):
        with pytest.raises(DecryptionFailed) as caught:
            opens(sealed(ours, algorithm=algorithm), *weak)
        assert f"encrypted with {algorithm.partition('#')[2]}, rsa-oaep" in str(
            caught.value
        )
        assert "expected AES-GCM" in str(caught.value)
        assert "accept_weak" in str(caught.value)

    @pytest.mark.parametrize("algorithm", [a for a in CIPHERS if a.endswith("cbc")])
    def test_cbc_is_refused_where_no_signature_covers_it(self, ours, opens, algorithm):
        """The time that it takes would tell whether its padding was right."""
        wrapper = sealed(ours, algorithm=algorithm)
        with pytest.raises(DecryptionFailed, match="signature around it") as caught:
            opens(wrapper, CBC, is_covered=False)
        assert algorithm.partition("#")[2] in str(caught.value)

    @pytest.mark.parametrize("weak", [(), (CBC,)])
    def test_rsa_1_5_is_refused_by_its_name_unless_it_is_asked_for(
        self, ours, opens, weak
    ):
        with pytest.raises(DecryptionFailed, match="aes256-gcm, rsa-1_5; expected"):
            opens(self._by_rsa_1_5(ours), *weak)

    def test_nothing_is_computed_for_them(self, ours):
        class Unused:
            def decrypt(self, *arguments):
                raise AssertionError("called")

        with pytest.raises(DecryptionFailed, match="expected"):
            Decrypter([Unused()]).open(self._by_rsa_1_5(ours))

    def test_an_unknown_one_is_quoted_and_not_at_length(self, opens):
        odd = "urn:x&#10;" + "y" * 200
        with pytest.raises(DecryptionFailed) as caught:
            opens(wrapped(data_xml(b"x", odd, key_xml(b"x"))))
        assert "'urn:x\\n" in str(caught.value)
        assert "y" * 60 not in str(caught.value)

    @pytest.mark.parametrize(
        "inside",
        [
            pytest.param(digest_of("urn:x"), id="digest"),
            pytest.param(mask_of("urn:x"), id="mask"),
            pytest.param(mask_of(""), id="empty-mask"),
        ],
    )
    def test_an_unknown_part_of_oaep_is_refused(self, opens, inside):
        wrapper = wrapped(data_xml(b"x", info=key_xml(b"x", OAEP_11, inside)))
        with pytest.raises(DecryptionFailed, match="RSA-OAEP with"):
            opens(wrapper)


CIPHER = "<xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData>"
METHOD = f'<xenc:EncryptionMethod Algorithm="{GCM}"/>'


def data(inside):
    return f"<xenc:EncryptedData>{inside}</xenc:EncryptedData>"


SHAPES = [
    pytest.param("", "no EncryptedData", id="empty"),
    pytest.param("<xenc:EncryptedKey/>", "no EncryptedData", id="key-first"),
    pytest.param(
        data_xml(b"x", attributes=f'Type="{XENC}Content"'),
        "not an XML element",
        id="content",
    ),
    pytest.param(data(CIPHER), "EncryptionMethod", id="no-method"),
    pytest.param(data(METHOD * 2 + CIPHER), "EncryptionMethod", id="two-methods"),
    pytest.param(data(METHOD), "CipherData", id="no-cipher"),
    pytest.param(data(METHOD + CIPHER * 2), "CipherData", id="two-ciphers"),
    pytest.param(
        data(
            METHOD + '<xenc:CipherData><xenc:CipherReference URI="http://evil.test/"/>'
            "</xenc:CipherData>"
        ),
        "CipherValue",
        id="reference",
    ),
    pytest.param(
        data(
            METHOD + "<xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue>"
            '<xenc:CipherReference URI="#x"/></xenc:CipherData>'
        ),
        "more than its CipherValue",
        id="reference-beside",
    ),
    pytest.param(
        data(METHOD + CIPHER.replace("AAAA", "AA<b/>AA")), "elements", id="elements"
    ),
    pytest.param(data(METHOD + CIPHER.replace("AAAA", "A*")), "base64", id="base64"),
    pytest.param(
        data_xml(b"x", info='<ds:RetrievalMethod URI="http://evil.test/k"/>'),
        "at another address",
        id="key-elsewhere",
    ),
    pytest.param(
        data_xml(
            b"x",
            info='<ds:RetrievalMethod URI="#k"><ds:Transforms/></ds:RetrievalMethod>',
        ),
        "at another address",
        id="key-transformed",
    ),
    pytest.param(data_xml(b"x"), "encrypted with aes256-gcm; expected", id="no-key"),
    pytest.param(
        data_xml(b"x", info="<ds:KeyName>k</ds:KeyName>"),
        "encrypted with aes256-gcm; expected",
        id="key-by-name",
    ),
]


class TestOddShapes:
    @pytest.mark.parametrize(("inside", "message"), SHAPES)
    def test_are_refused_before_anything_is_computed(self, inside, message):
        class Unused:
            def decrypt(self, *arguments):
                raise AssertionError("called")

        with pytest.raises(DecryptionFailed, match=message):
            Decrypter([Unused()]).open(wrapped(inside))


def tampered(wrapper, place):
    """One bit of a cipher value changed."""
    value = list(wrapper.iter(q("xenc:CipherValue")))[place]
    octets = bytearray(base64.b64decode(value.text))
    octets[len(octets) // 2] ^= 1
    value.text = base64.b64encode(octets).decode()
    return wrapper


def short(algorithm, octets):
    """What is shorter than the cipher's own parts."""

    def make(key):
        locked = key.public.encrypt(secrets.token_bytes(32), SHA1_OAEP)
        return wrapped(data_xml(octets, algorithm, key_xml(locked)))

    return make


def badly_padded(padding):
    def make(key):
        session_key = secrets.token_bytes(32)
        locked = key.public.encrypt(session_key, SHA1_OAEP)
        octets = by_cbc(AES, session_key, NAME_OCTETS, padding=padding)
        return wrapped(data_xml(octets, XENC + "aes256-cbc", key_xml(locked)))

    return make


def key_of_another_size(key):
    session_key = secrets.token_bytes(16)
    locked = key.public.encrypt(session_key, SHA1_OAEP)
    octets = by_gcm(session_key, NAME_OCTETS)
    return wrapped(data_xml(octets, GCM, key_xml(locked)))


def no_rsa_1_5(key):
    octets = by_gcm(secrets.token_bytes(32), NAME_OCTETS)
    return wrapped(data_xml(octets, GCM, key_xml(secrets.token_bytes(256), PKCS1)))


AES_CBC = XENC + "aes256-cbc"
FAILURES = {
    "data-changed": lambda key: tampered(sealed(key), -1),
    "key-changed": lambda key: tampered(sealed(key), 0),
    "cbc-changed": lambda key: tampered(sealed(key, algorithm=AES_CBC), -1),
    "cbc-key-changed": lambda key: tampered(sealed(key, algorithm=AES_CBC), 0),
    "padding-of-none": badly_padded(0),
    "padding-too-long": badly_padded(17),
    "rsa-1.5-at-random": no_rsa_1_5,
    "key-of-another-size": key_of_another_size,
    "gcm-too-short": short(GCM, b"x" * 27),
    "cbc-too-short": short(AES_CBC, b"x" * 16),
    "cbc-no-whole-blocks": short(AES_CBC, b"x" * 33),
    "not-xml": lambda key: sealed(key, b"q7Xw2"),
    "nothing": lambda key: sealed(key, b""),
    "not-utf-8": lambda key: sealed(key, b"<a>\xff</a>"),
    "two-elements": lambda key: sealed(key, NAME_OCTETS * 2),
    "text-before": lambda key: sealed(key, b"x" + NAME_OCTETS),
    "text-after": lambda key: sealed(key, NAME_OCTETS + b"x"),
    "unknown-prefix": lambda key: sealed(key, b"<p:NameID>q</p:NameID>"),
    "doctype": lambda key: sealed(key, b"<!DOCTYPE a><a/>"),
    "instruction": lambda key: sealed(key, b"<a><?x?></a>"),
    "breaks-out": lambda key: sealed(key, b"<a/></opened><opened><b/>"),
    "too-deep": lambda key: sealed(key, b"<a>" * 41 + b"</a>" * 41),
    "same-id-twice": lambda key: sealed(key, b'<a ID="x"><b ID="x"/></a>'),
}


class TestEveryFailure:
    @pytest.mark.parametrize("make", FAILURES.values(), ids=FAILURES)
    def test_looks_like_that_of_a_wrong_key(self, ours, other_key, opens, make):
        with pytest.raises(DecryptionFailed) as of_wrong_key:
            opens(sealed(other_key))
        with pytest.raises(DecryptionFailed) as caught:
            opens(make(ours), CBC, RSA_1_5)
        assert str(caught.value) == str(of_wrong_key.value)
        assert caught.value.__cause__ is None
        assert caught.value.code == "decryption-failed"
