"""lxml and xmlsec in a process that has another libxml2 for all its libraries.

uWSGI and Apache are such processes (``tests/contrib/test_serving.py``). LD_PRELOAD
makes any Python one.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_parts import unavailable
from unmeasured import unmeasured

TESTS = Path(__file__).parent
BUILD = "libxmlsec1-dev && pip install --force-reinstall --no-binary lxml,xmlsec"

IN_ORDER = """
import eilogin.filters.participant
from lxml import objectify
assert objectify.fromstring("<a><b>1</b></a>").b == 1
print("in order")
"""
LXML_FIRST = """
from lxml import etree
import eilogin
"""
WITHOUT_DEEPBIND = """
import os
del os.RTLD_DEEPBIND  # As with musl.
import eilogin.filters.participant
"""
UNTOUCHED = """
import sys
import eilogin
assert not sys.modules.keys() & {"lxml.etree", "xmlsec"}
import lxml.etree
import eilogin.filters.participant
print("in order")
"""


@pytest.fixture(scope="module")
def libxml2():
    """The system's own."""
    return library("libxml2.so.2", "libxml2")


@pytest.fixture(scope="module")
def jemalloc():
    """An allocator that Python servers are often started with."""
    return library("libjemalloc.so.2", "libjemalloc2")


def library(name, package):
    paths = sorted(Path("/usr/lib").glob(f"*/{name}"))
    if not paths:
        unavailable(f"needs {name}: apt install {package}")
    return str(paths[0])


def run(*arguments, environment=os.environ, preload=""):
    return subprocess.run(
        [sys.executable, *arguments],
        env={**environment, "LD_PRELOAD": preload},
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_works_beside_another_libxml2(libxml2):
    ended = run("-c", IN_ORDER, preload=libxml2)
    assert ended.stdout == "in order\n", ended.stderr


def test_the_second_opinion_is_the_same_there(libxml2):
    tests = TESTS / "saml" / "test_second_opinion.py"
    only = "agrees or refuses or puts_up"
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k", only]
    ended = run(*command, environment=unmeasured(), preload=libxml2)
    assert ended.returncode == 0, ended.stdout


def test_lxml_that_was_bound_to_it_before_is_refused_with_the_cure(libxml2):
    ended = run("-c", LXML_FIRST, preload=libxml2)
    assert ended.returncode == 1
    *_, message = ended.stderr.splitlines()
    assert message.startswith("ImportError: lxml uses another libxml2"), message
    assert "Expected `import eilogin` before the first import of lxml" in message
    assert BUILD in message


def test_another_allocator_is_refused_with_the_cure(libxml2, jemalloc):
    ended = run("-c", IN_ORDER, preload=f"{jemalloc} {libxml2}")
    assert ended.returncode == 1
    *_, message = ended.stderr.splitlines()
    assert message.startswith("ImportError: lxml uses another libxml2"), message
    assert "Start it without that allocator" in message
    assert BUILD in message


def test_another_allocator_alone_is_as_ever(jemalloc):
    ended = run("-c", UNTOUCHED, preload=jemalloc)
    assert ended.stdout == "in order\n", ended.stderr


def test_error_without_deepbind_explains_the_remedy(libxml2):
    ended = run("-c", WITHOUT_DEEPBIND, preload=libxml2)
    assert ended.returncode == 1
    *_, message = ended.stderr.splitlines()
    assert message.startswith("ImportError: lxml uses another libxml2"), message
    assert "it has no RTLD_DEEPBIND" in message
    assert BUILD in message


def test_a_process_without_another_libxml2_loads_them_as_ever():
    ended = run("-c", UNTOUCHED)
    assert ended.stdout == "in order\n", ended.stderr
