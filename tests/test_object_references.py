"""Names such as ``mysite.wsgi:application``, judged without importing anything."""

import textwrap

import pytest

from eilogin.object_references import fault_of_name

SOURCE = """\
import os.path as paths
from json import dumps
raise SystemExit("this module is read, and not imported")

try:
    import uwsgi
except ImportError:
    late = None
else:
    for number in range(3):
        looped: int = number

class Class:
    inner = 1

def make():
    global made
    made = 1

match paths:
    case [first, *rest]:
        (one, two) = rest
with open("x") as opened, open("y"):
    pass
if (walrus := 1):
    application = make
"""
BOUND = (
    *("paths", "dumps", "uwsgi", "late", "number", "looped", "Class", "make", "made"),
    *("first", "rest", "one", "two", "opened", "walrus", "application", "__doc__"),
    "sub",
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "eilogintestsite").mkdir()
    (tmp_path / "eilogintestsite/__init__.py").write_text(SOURCE)
    (tmp_path / "eilogintestsite/sub.py").write_text("application = 1\n")
    return tmp_path


def fault(folder, name):
    return fault_of_name(name, [str(folder)])


@pytest.mark.parametrize("name", BOUND)
def test_finds_each_name_that_a_module_binds(folder, name):
    assert fault(folder, f"eilogintestsite:{name}") == ""


def test_finds_a_name_of_a_submodule(folder):
    assert fault(folder, "eilogintestsite.sub:application") == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("eilogintestsite:aplication", "to have 'aplication'; did you mean 'applicati"),
        ("eilogintestsite:inner", "expected the module 'eilogintestsite' to have"),
        ("eilogintestsite.sub:make", "expected the module 'eilogintestsite.sub' to"),
        ("eilogintestsite.subb:make", "'eilogintestsite.subb'"),
        ("eilogintestsite.sub.x:make", "package has 'eilogintestsite.sub.x'"),
        ("eilogintestsit:make", "did you mean 'eilogintestsite'"),
    ],
)
def test_tells_what_is_not_there(folder, name, message):
    assert message in fault(folder, name)


@pytest.mark.parametrize(
    "line",
    [
        "from json import *",
        "def __getattr__(name): return 1",
        "globals()['application'] = 1",
        "import sys; sys.modules[__name__] = 1",
        "exec('application = 1')",
        "setattr(x, 'application', 1)",
    ],
)
def test_doubts_a_module_that_makes_names_as_it_runs(folder, line):
    (folder / "eilogintestsite/sub.py").write_text(f"{line}\n")
    assert fault(folder, "eilogintestsite.sub:application") == ""
    (folder / "eilogintestsite/__init__.py").write_text(f"{line}\n")
    assert fault(folder, "eilogintestsite.later:application") == ""


@pytest.mark.parametrize("name", ["sys:exit", "wsgiref.simple_server:demo_app"])
def test_knows_what_python_brings(folder, name):
    assert fault(folder, name) == ""


def test_tells_the_line_that_is_no_python(folder):
    text = textwrap.dedent("""\
        def app():
          return (
        """)
    (folder / "eilogintestsite/sub.py").write_text(text)
    assert "'eilogintestsite.sub' is not valid Python (line 2)" in fault(
        folder, "eilogintestsite.sub:app"
    )
