"""The numbers of the code: what counts as what, and what the gate on them refuses."""

import importlib.util
import json
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
MODULE = '''\
"""Open the door.

What opens it? Who has the key
waits. What is open stays."""

# What is a comment
# goes on. The end.
import os  # What follows the code is a comment of its own.


class Door:
    """Be a door."""

    def open(self, key, hand):

        def closure():
            return [k for k in key if k]

        return closure() if key and hand else """
        text
        """
'''


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


house_rules = load("house_rules", ROOT / ".ci/house_rules.py")
code_numbers = load("code_numbers", ROOT / "contrib/code_numbers.py")


@pytest.fixture
def tree(tmp_path):
    """Write modules by their path below the package."""
    (tmp_path / ".ci").mkdir()

    def write(files=None, **sources):
        for name, source in {"__init__.py": "", **(files or {}), **sources}.items():
            file = tmp_path / "eilogin" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source, encoding="utf-8")
        return tmp_path

    return write


def excesses(root):
    return house_rules.excesses(house_rules.modules_of(root))


class TestAModule:
    def test_has_lines_of_code_without_comments_docstrings_and_blank_lines(self):
        module = house_rules.Module("eilogin.door", MODULE)
        assert sorted(module.code_lines) == [8, 11, 14, 16, 17, 19, 20, 21]
        assert sorted(module.docstring_lines) == [1, 2, 3, 4, 12]
        assert sorted(module.comment_lines) == [6, 7]

    def test_has_the_lines_of_code_of_its_classes(self):
        module = house_rules.Module("eilogin.door", MODULE)
        assert list(module.classes()) == [("Door", 7)]

    def test_has_the_complexity_of_methods_and_closures_with_operators(self):
        module = house_rules.Module("eilogin.door", MODULE)
        assert list(module.complexities()) == [
            # One each for the method, `and` and `if`.
            ("eilogin.door.Door.open", 3),
            # One each for the function, `for` and `if`.
            ("eilogin.door.Door.open.closure", 3),
        ]


class TestRequests:
    """A way is counted by hand."""

    def test_have_changes_between_files_rooms_and_folders(self):
        request = code_numbers.Recorded("GET", "uwv.test", "/")
        files = ("web/a.py", "hub/b.py", "hub/b.py", "hub/digid/c.py", "clock.py")
        request.calls[1] += [(file, "f") for file in files]
        request.calls[2] += [("web/a.py", "f"), ("web/d.py", "g")]
        way = code_numbers.Way.of(request)
        assert vars(way) == {
            "calls": 7,
            "functions": 5,
            "files": 5,
            "file_changes": 4,
            "room_changes": 2,
            "folder_changes": 3,
        }

    def test_keep_the_calls_of_nested_requests_and_of_threads_apart(self, tmp_path):
        file = tmp_path / "package/code.py"
        file.parent.mkdir()
        source = "def call(then):\n    return then()\n"
        names = {}
        exec(compile(source, file, "exec"), names)  # noqa: S102 - two lines, above
        recorder = code_numbers.Recorder(file.parent)

        def inner(environ, start_response):
            return [names["call"](bytes)]

        def outer(environ, start_response):
            asked = recorder.around(inner)
            there = {**environ, "PATH_INFO": "/inner"}
            thread = threading.Thread(target=lambda: asked(there, None))
            thread.start()
            thread.join()
            return names["call"](lambda: asked(there, None))

        environ = {"REQUEST_METHOD": "GET", "HTTP_HOST": "a:80", "PATH_INFO": "/"}
        assert recorder.around(outer)(environ, None) == [b""]
        found = [
            (request.path, sum(map(len, request.calls.values())))
            for request in recorder.requests
        ]
        assert found == [("/", 1), ("/inner", 1), ("/inner", 1)]
        names["call"](bytes)
        assert sum(len(r.calls) for r in recorder.requests) == 3


class TestSentences:
    def test_end_at_a_full_stop_and_questions_are_none(self):
        text = "What is it? Who has it goes.\nThe rest (see `a.b`)."
        assert list(code_numbers.sentences_of(text)) == [
            "Who has it goes.",
            "The rest (see `a.b`).",
        ]

    def test_are_counted_by_their_first_word(self):
        found = code_numbers.code([house_rules.Module("eilogin.door", MODULE)] * 2)
        words = {"sentences": 8, "What": 2, "Who, Whom": 2}
        assert found["in docstrings"] == words
        assert found["in comments"] == {"sentences": 6, "What": 4, "Who, Whom": 0}


FAULTS = {
    "complexity eilogin.a.f 13": {"a.py": "def f(a): return a" + " and a" * 12},
    "class eilogin.a.A 252": {"a.py": "class A:\n" + "    a = 1\n" * 251},
    "file eilogin.a 351": {"a.py": "a = 1\n" * 351},
    "folder eilogin.sub 16": {
        "sub/__init__.py": '"""' + " ".join(f"``a{n}``" for n in range(16)) + '"""',
        "sub/__main__.py": "",
        **{f"sub/a{number}.py": "" for number in range(16)},
    },
    "module-name a 2": {
        "a.py": "",
        "sub/__init__.py": '"""Has ``a``."""',
        "sub/a.py": "",
    },
    "class-name A 2": {
        "a.py": "class A: pass\nclass _B: pass",
        "b.py": "class A: pass\nclass _B: pass",
    },
    "docstring eilogin 1": {"__init__.py": '"""The ``a`` and the b."""', "b.py": ""},
}
MAP = '"""The parts.\n\n=====  ===\n``a``  x\n=====  ===\n\n::\n\n    b, sub    y\n"""'


@pytest.mark.parametrize("fault", FAULTS)
class TestAFault:
    def test_is_found_with_its_value(self, fault, tree):
        root = tree({"__init__.py": MAP, "a.py": "", **FAULTS[fault]})
        rule, name, value = fault.split()
        assert excesses(root) == {(rule, name): int(value)}

    def test_passes_with_an_exception_that_is_as_large(self, fault, tree, capsys):
        root = tree({"__init__.py": MAP, "a.py": "", **FAULTS[fault]})
        exceptions = root / house_rules.EXCEPTIONS
        exceptions.write_text(f"# comment\n{fault}\n")
        assert house_rules.main([], root) == 0
        rule, name, value = fault.split()
        exceptions.write_text(f"{rule} {name} {int(value) - 1}\n")
        assert house_rules.main([], root) == 1
        allowed = f"{rule} {name}: {value}, at most {int(value) - 1}\n"
        assert capsys.readouterr().out == allowed


def test_the_largest_allowed_values_pass(tree):
    root = tree(
        {
            "__init__.py": MAP,
            "__main__.py": "",
            "a.py": "def f(a): return a" + " and a" * 11 + "\nb = 1" * 349,
            "b.py": "class A:\n" + "    a = 1\n" * 249,
        }
    )
    assert excesses(root) == {}


def test_an_exception_that_is_not_needed_is_a_fault(tree, capsys):
    root = tree({"__init__.py": MAP, "a.py": ""})
    (root / house_rules.EXCEPTIONS).write_text("file eilogin.a 400\n")
    assert house_rules.main([], root) == 1
    assert "file eilogin.a: the exception is not needed" in capsys.readouterr().out


def test_write_makes_the_first_list_and_later_only_shorter_ones(tree, capsys):
    root = tree({"__init__.py": MAP, "a.py": "a = 1\n" * 351})
    exceptions = root / house_rules.EXCEPTIONS
    assert house_rules.main(["--write"], root) == 0
    written = exceptions.read_text()
    assert written.splitlines()[1:] == ["file eilogin.a 351"]
    tree({"__init__.py": MAP, "b.py": "a = 1\n" * 400})
    assert house_rules.main(["--write"], root) == 1
    assert capsys.readouterr().out == "file: 2 exceptions, 1 before\n"
    assert exceptions.read_text() == written
    tree({"__init__.py": MAP, "a.py": ""})
    assert house_rules.main(["--write"], root) == 0
    assert exceptions.read_text().splitlines()[1:] == ["file eilogin.b 400"]


def test_the_script_prints_json_and_a_table(tree, monkeypatch):
    modules = house_rules.modules_of(tree({"door.py": MODULE}))
    monkeypatch.setattr(code_numbers.house_rules, "modules_of", lambda root: modules)
    result = CliRunner().invoke(code_numbers.main, ["--json"], catch_exceptions=False)
    found = json.loads(result.output)
    assert found["code"]["longest class"] == [7, "eilogin.door.Door"]
    ways = found["requests"]
    for way in ways.values():
        assert way["calls"] >= way["functions"] >= way["files"] > 1
        assert way["file_changes"] >= way["room_changes"] > 1
    whole = ways["one login and logout, both sides"]["files"]
    assert whole == max(way["files"] for way in ways.values())
    guarded = ways["guarded GET with a session"]
    assert guarded["files"] == min(way["files"] for way in ways.values())
    table = list(
        code_numbers.lines_of(
            {name: code_numbers.Way(**way) for name, way in ways.items()},
            code_numbers.code(modules),
        )
    )
    assert str(whole) in next(line for line in table if "both sides" in line)
    assert "      7  eilogin.door.Door" in table[-6]


def test_the_script_explains_itself():
    result = CliRunner().invoke(code_numbers.main, ["--help"])
    assert "change of room" in " ".join(result.output.split())
