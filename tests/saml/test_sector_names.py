"""The NameIDs of DigiD: one spelling, a known sector, a number that can be one."""

import random
from base64 import b64encode
from uuid import UUID

import pytest

from eilogin.saml.sector_names import (
    BSN,
    SOFI,
    SectorName,
    passes_eleven_test,
    tells_number,
)


@pytest.mark.parametrize("number", ["900000041", "012345672", "111222333", "123456782"])
def test_a_bsn_passes_the_eleven_test(number):
    assert passes_eleven_test(number)
    assert SectorName.read(f"s00000000:{number}") == SectorName(BSN, number)


@pytest.mark.parametrize("number", ["123456789", "000000000", "900000002"])
def test_another_number_does_not(number):
    assert not passes_eleven_test(number)
    with pytest.raises(ValueError, match="fails the eleven test"):
        SectorName.read(f"s00000000:{number}")


def test_a_sofi_number_is_told_apart():
    assert SectorName.read("s00000001:123456782").sector == SOFI


@pytest.mark.parametrize(
    "text",
    [
        "S00000000:123456782",
        "s00000000:12345678",
        "s00000000:1234567820",
        "s00000000:12345678\N{FULLWIDTH DIGIT TWO}",
        "s00000000 :123456782",
        "s00000000:123456782\n",
        " s00000000:123456782",
        "s0000000:123456782",
        "123456782",
        "",
    ],
)
def test_another_spelling_is_none(text):
    with pytest.raises(ValueError, match="not a sector code, a colon and nine digits"):
        SectorName.read(text)


def test_another_sector_is_none():
    with pytest.raises(ValueError, match="unknown sector code"):
        SectorName.read("s00000002:123456782")


@pytest.mark.parametrize("text", ["x:123456782", "s00000000:123456789", "s9:123456782"])
def test_no_message_repeats_a_number(text):
    with pytest.raises(ValueError, match=r"is |has ") as caught:
        SectorName.read(text)
    assert "12345678" not in str(caught.value)
    assert "12345678" not in repr(SectorName(BSN, "123456782"))


def test_it_is_written_as_it_was_read():
    assert str(SectorName.read("s00000000:012345672")) == "s00000000:012345672"


@pytest.mark.parametrize(
    "name",
    [
        "123456782",
        "s00000000:123456782",
        "bsn=123456782",
        "x-123456782@nl",
        "BSN123456782",
        "NL123456782X",
        "a123456782f",
        "123 456 782",
        "123.456.782",
        "bsn 1234.56.782, nl",
        "12345678\N{NO-BREAK SPACE}2",
        "5 123456782",
        "5 12345678 2",
    ],
)
def test_a_name_may_tell_a_number(name):
    assert tells_number(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "anna",
        "123456789",
        "1123456782",
        "12345678",
        "000000000",
        "123-456-782",
        "1234567 823",
        "BSN123456789",
        "12345678\N{FULLWIDTH DIGIT TWO}",
    ],
)
def test_another_one_tells_none(name):
    assert not tells_number(name)


@pytest.mark.parametrize(
    ("opaque", "most"),
    [
        (lambda octets: octets.hex(), 20),
        (lambda octets: str(UUID(bytes=octets)), 10),
        (lambda octets: b64encode(octets).decode(), 1),
    ],
    ids=["hexadecimal", "UUID", "base64"],
)
def test_an_opaque_one_hardly_ever_does(opaque, most):
    generator = random.Random(1)  # noqa: S311
    names = [opaque(generator.randbytes(16)) for _ in range(2000)]
    assert sum(map(tells_number, names)) <= most


def test_a_long_one_is_looked_through_at_once():
    assert not tells_number("1 . " * 50_000 + "x")
