"""Every fuzz target works, without atheris: on its seeds and some hundred others."""

import importlib
import random
import sys
from collections import deque
from pathlib import Path

import pytest
from lxml import etree

FOLDER = Path(__file__).parents[2] / "contrib" / "fuzz"
TARGETS = sorted(
    path.stem for path in FOLDER.glob("fuzz_*.py") if path.stem != "fuzz_parts"
)
#: Seeds of a target, and inputs made of them, that are tried here.
MOST = 150


@pytest.fixture(scope="module", autouse=True)
def importable():
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


@pytest.fixture(params=TARGETS)
def target(request):
    return importlib.import_module(request.param)


class OpensAnything:
    """In the place of what decrypts."""

    @staticmethod
    def open(wrapper, *, is_covered=False):
        return etree.fromstring("<other/>")


def spread(seeds):
    """At most MOST of them, of all kinds."""
    return seeds[:: max(1, len(seeds) // MOST)]


def changed(seed, chance):
    """A seed with some of its octets changed, left out, doubled, or cut off."""
    octets = bytearray(seed)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(octets) + 1)
        match chance.randrange(4):
            case 0:
                octets[at : at + 1] = chance.randbytes(1)
            case 1:
                del octets[at : at + chance.randint(1, 8)]
            case 2:
                octets[at:at] = octets[at : at + 16]
            case _:
                octets[at:at] = chance.choice(
                    (b"\0", b"\xff", b"<!--x-->", b"%00", b"//", b"&", b"9999")
                )
    return bytes(octets)


def test_says_what_it_holds(target):
    assert "Property: " in target.__doc__
    assert target.check.__doc__


def test_holds_for_its_seeds(target):
    seeds = list(target.seeds())
    assert seeds
    for seed in spread(seeds):
        target.check(seed)


def test_holds_for_changed_seeds_and_for_anything(target):
    chance = random.Random(target.__name__)  # noqa: S311 (repeatable, not secret)
    seeds = list(target.seeds())
    target.check(b"")
    for _ in range(MOST):
        target.check(changed(chance.choice(seeds), chance))
    for size in range(MOST // 3):
        target.check(chance.randbytes(size))


def test_the_readme_names_every_target(target):
    told = (FOLDER / "README.rst").read_text(encoding="utf-8")
    assert f"``{target.__name__.removeprefix('fuzz_')}``" in told


# --- what a target looks at is looked at ----------------------------------------------


def test_good_messages_are_accepted_so_that_mutants_get_that_far():
    answers = importlib.import_module("fuzz_answers")
    *good, refusal = answers.GOOD
    assert all(answers.judge(octets) for octets in good)
    assert not answers.judge(refusal)
    others = importlib.import_module("fuzz_messages")
    for number in range(len(others.GOOD)):
        assert others.judge(number, [])
        assert others.judge(number, [], is_soap=True)
    federations = importlib.import_module("fuzz_federations")
    assert all(federations.judge(which, []) for which in range(2))


@pytest.mark.parametrize(
    ("name", "patched", "instead"),
    [
        ("fuzz_redirects", "verify_redirect", lambda received, keys: None),
        ("fuzz_answers", "accept", lambda element, expected: expected),
        ("fuzz_messages", "verified", lambda element, keys: element),
        ("fuzz_federations", "read_federation", lambda octets, keys: None),
        ("fuzz_ciphers", "Decrypter", lambda *_: OpensAnything),
        ("fuzz_inivalues", "attempt", lambda *_: (None, [])),
        ("fuzz_addresses", "safe_next", lambda value: value),
        ("fuzz_instants", "accept", lambda *_: None),
    ],
)
def test_a_target_fails_where_its_property_does_not_hold(
    name, patched, instead, monkeypatch
):
    target = importlib.import_module(name)
    seeds = list(target.seeds())
    monkeypatch.setattr(target, patched, instead)
    with pytest.raises((AssertionError, AttributeError)):
        deque(map(target.check, seeds), maxlen=0)
