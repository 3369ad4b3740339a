"""Our own certificates that are over, or nearly."""

import pytest

from eilogin import clock
from eilogin.federation.members import certificate_expiry
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.saml.signing_keys import new_key_pair

DAY = 86400


@pytest.fixture(scope="module")
def pair_of():
    """Key and certificate for one that ends in so many days; made once."""
    made = {}

    def make(days):
        if days not in made:
            begins = clock.now() - 100 * DAY
            name = f"{days} days"
            made[days] = new_key_pair(name, begins=begins, days=100 + days)
        return made[days]

    return make


@pytest.fixture
def make(tmp_path, pair_of):
    """Options whose certificates end in so many days."""

    def make(certificate=300, *, client=None, ca=(), **changes):
        files = {"key": pair_of(certificate)}
        if client is not None:
            files["tls_client_key"] = pair_of(client)
        options = {}
        for name, (key, pem) in files.items():
            for option, octets in (
                (name, key),
                (name.replace("key", "certificate"), pem),
            ):
                (tmp_path / option).write_bytes(octets)
                options[option] = str(tmp_path / option)
        if ca:
            (tmp_path / "ca").write_bytes(b"".join(pair_of(days)[1] for days in ca))
            options["back_channel_ca"] = str(tmp_path / "ca")
        (tmp_path / "federation.xml").touch()
        options |= {"federation": str(tmp_path / "federation.xml")}
        options |= {"federation_unsigned": "true", "public_url": "https://uwv.test"}
        return TrustOptions.model_validate({**options, **changes})

    return make


def told(options):
    return [(r.option, r.code, r.text) for r in certificate_expiry.remarks(options)]


def test_of_certificates_that_last_nothing_is_told(make):
    assert told(make(61, client=61, ca=(61, 300))) == []


NEARLY = [
    (59, "certificate-ends", "(CN=59 days) ends at "),
    (-1, "certificate-expired", "(CN=-1 days) expired at "),
]


@pytest.mark.parametrize("nearly", NEARLY, ids=["nearly", "over"])
@pytest.mark.parametrize(
    ("files", "option"),
    [
        ("certificate", "certificate"),
        ("client", "tls_client_certificate"),
        ("ca", "back_channel_ca"),
    ],
)
def test_one_that_is_over_or_nearly_is_told(make, tmp_path, nearly, files, option):
    days, code, says = nearly
    options = make(**{files: (300, days) if files == "ca" else days})
    ((which, what, text),) = told(options)
    assert (which, what) == (option, code)
    name = "ca" if files == "ca" else option
    assert text.startswith(f"{tmp_path / name} {says}20")


def test_of_a_chain_only_our_own_is_told(make, pair_of, tmp_path):
    options = make(client=300)
    chain = pair_of(300)[1] + pair_of(-1)[1]
    (tmp_path / "tls_client_certificate").write_bytes(chain)
    assert told(options) == []


def test_of_many_authorities_three_are_told(make):
    assert len(told(make(ca=(-4, -3, -2, -1)))) == 3


def test_expiry_check_ignores_a_file_without_a_certificate(make, tmp_path):
    options = make(ca=(300,))
    (tmp_path / "ca").write_text("nothing")
    assert told(options) == []


class TestWithDigid:
    @pytest.mark.parametrize(
        ("files", "option"),
        [
            ({"certificate": -1}, "certificate"),
            ({"client": -1}, "tls_client_certificate"),
        ],
    )
    def test_one_that_is_over_is_a_fault(self, make, files, option):
        faults = list(certificate_expiry.faults(make(**files, profile="digid")))
        assert [fault.option for fault in faults] == [option]

    @pytest.mark.parametrize("files", [{"certificate": 1}, {"ca": (-1,)}])
    def test_another_is_none(self, make, files):
        assert list(certificate_expiry.faults(make(**files, profile="digid"))) == []

    def test_it_is_none_of_who_plays_digid(self, make, tmp_path):
        signed = {
            "federation_unsigned": "false",
            "federation_certificate": str(tmp_path / "certificate"),
        }
        options = make(-1, profile="digid", role="hub", **signed)
        assert list(certificate_expiry.faults(options)) == []

    def test_it_is_none_with_others(self, make):
        assert list(certificate_expiry.faults(make(-1))) == []


class TestSeveralKeys:
    @pytest.fixture
    def with_keys(self, make, tmp_path, pair_of):
        """Options with keys that end in so many days."""

        def make_with(*days, said=""):
            keys = tmp_path / "keys"
            keys.mkdir(exist_ok=True)
            for count in days:
                for ending, octets in zip(
                    (".key", ".crt"), pair_of(count), strict=True
                ):
                    (keys / f"ends-{count}{ending}").write_bytes(octets)
            (keys / "keys.ini").write_text(said)
            secrets = dict.fromkeys(("secret", "pseudonym_key"), b"a secret of ours")
            secrets["secret"] = (b"a secret of ours",)
            made = make()
            said_before = made.model_dump(exclude_unset=True)
            del said_before["key"], said_before["certificate"]
            return TrustOptions.model_validate(
                {**said_before, **secrets, "keys": str(keys)}
            )

        return make_with

    def test_of_which_one_follows_in_time_are_nothing_to_tell(self, with_keys):
        assert told(with_keys(20, 300)) == []

    def test_are_told_by_the_last_one(self, with_keys, tmp_path):
        ((option, code, text),) = told(with_keys(20, 40))
        assert (option, code) == ("keys", "certificate-ends")
        assert text.startswith(f"{tmp_path}/keys/ends-40.crt (CN=40 days) ends at ")
        assert text.endswith(
            "no other key follows it in time: make one (eilogin keys new)"
        )

    def test_are_told_where_the_next_one_begins_too_late(self, with_keys):
        late = clock.utc(clock.now() + 30 * DAY)
        said = f"[ends-300]\nfrom = {late:%Y-%m-%d}\n"
        ((_, _, text),) = told(with_keys(20, 300, said=said))
        assert "ends-20.crt" in text

    def test_are_told_for_each_use(self, with_keys):
        said = "[ends-20]\nuse = encryption\n[ends-300]\nuse = signing\n"
        ((_, _, text),) = told(with_keys(20, 300, said=said))
        assert "ends-20.crt" in text
