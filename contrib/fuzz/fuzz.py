"""Run one target under atheris: see README.rst."""

import importlib
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import atheris

FOLDER = Path(__file__).parent
#: More octets than any input needs that finds something new.
_LONGEST = 12_000


def main(arguments: Sequence[str]) -> None:
    """Fuzz the target that is named first; libFuzzer gets all other arguments."""
    name, *rest = arguments or [""]
    if name not in targets():
        known = " ".join(sorted(targets()))
        sys.exit(f"usage: fuzz.py TARGET [-option=…] [FOLDER…|FILE…]\ntargets: {known}")
    sys.path.insert(0, str(FOLDER))
    with atheris.instrument_imports(include=["eilogin", f"fuzz_{name}"]):
        target = importlib.import_module(f"fuzz_{name}")
    _write_seeds(target.seeds(), rest)
    logging.disable()
    given = [
        f"-dict={FOLDER / 'saml.dict'}",
        f"-max_len={_LONGEST}",
        "-timeout=10",
        # What a seed does a shorter input may do too; it is mutated all the same.
        "-keep_seed=1",
    ]
    # libFuzzer calls itself by this, to make an input smaller and for -jobs.
    itself = f"{sys.executable} {Path(__file__).resolve()} {name}"
    atheris.Setup([itself, *given, *rest], target.check)
    atheris.Fuzz()


def _write_seeds(seeds: Iterable[bytes], arguments: Sequence[str]) -> None:
    """Put the seeds into the folder that is named first, if it is new.

    But not into one that is to hold what is needed of others.
    """
    paths = [Path(one) for one in arguments if not one.startswith("-")]
    if not paths or paths[0].exists() or "-merge=1" in arguments:
        return
    paths[0].mkdir(parents=True)
    for number, seed in enumerate(seeds):
        (paths[0] / f"seed-{number}").write_bytes(seed)


def targets() -> list[str]:
    """The names of all targets."""
    files = (path.stem for path in FOLDER.glob("fuzz_*.py"))
    return [name.removeprefix("fuzz_") for name in files if name != "fuzz_parts"]


if __name__ == "__main__":
    main(sys.argv[1:])
