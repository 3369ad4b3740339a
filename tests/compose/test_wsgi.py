"""``egg:eilogin#wsgi``: a plain callable, found by its name."""

import sys

import pytest
from paste.deploy import loadapp

from eilogin.compose.wsgi import make_wsgi
from eilogin.errors import InvalidOptions


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with modules, which are forgotten again afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "found_site").mkdir()
    (tmp_path / "found_site" / "__init__.py").touch()
    (tmp_path / "found_site" / "wsgi.py").write_text(
        "def application(environ, start_response): return [b'here']\n"
        "class deep:\n    app = staticmethod(application)\n"
        "number = 3\nitems = []\n"
    )
    (tmp_path / "found_site" / "broken.py").write_text("import not_installed_at_all\n")
    (tmp_path / "found_site" / "failing.py").write_text("1 / 0\n")
    yield tmp_path
    for name in [n for n in sys.modules if n.partition(".")[0] == "found_site"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["application", "deep.app"])
def test_the_callable_is_taken_as_it_is(folder, name):
    app = make_wsgi({}, app=f" found_site.wsgi:{name} ", path=str(folder))
    assert app is sys.modules["found_site.wsgi"].application


def test_an_ini_file_finds_modules_beside_it(folder):
    ini = folder / "site.ini"
    ini.write_text(
        "[app:main]\nuse = egg:eilogin#wsgi\n"
        "app = found_site.wsgi:application\npath = %(here)s\n"
    )
    assert loadapp(f"config:{ini}")({}, None) == [b"here"]


def test_folders_come_first_in_their_order_and_once(folder):
    (folder / "other").mkdir()
    path = f"{folder}\n{folder / 'other'}"
    for _ in "12":
        make_wsgi({}, app="found_site.wsgi:application", path=path)
    assert sys.path[:2] == [str(folder), str(folder / "other")]
    assert sys.path.count(str(folder)) == 1


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        ("nowhere_at_all:app", "no installed package has 'nowhere_at_all'"),
        ("nowhere_at_all.wsgi:app", "no installed package has 'nowhere_at_all'"),
        ("found_site.other:app", "no installed package has 'found_site.other'"),
        ("found_site.wsgi:app", "module 'found_site.wsgi' to have 'app'"),
        ("found_site.wsgi:deep.none", "to have 'deep.none'"),
        ("found_site.wsgi:number", "a function, or another callable, not an int"),
        ("found_site.wsgi:items", "a function, or another callable, not a list"),
        ("found_site.wsgi", "'module:attribute', such as"),
        ("found_site.wsgi:application()", "'module:attribute', such as"),
        ("found_site/wsgi.py:application", "'module:attribute', such as"),
    ],
)
def test_reports_why_the_application_cannot_be_loaded(folder, app, reason):
    ini = folder / "site.ini"
    ini.write_text(f"[app:x]\nuse = egg:eilogin#wsgi\napp = {app}\npath = {folder}\n")
    with pytest.raises(InvalidOptions) as raised:
        make_wsgi({"__file__": str(ini)}, app=app, path=str(folder))
    [fault] = raised.value.faults
    assert reason in fault.expected
    assert (fault.file, fault.section, fault.option) == (str(ini), "app:x", "app")


@pytest.mark.parametrize(
    ("module", "error"),
    [("broken", ModuleNotFoundError), ("failing", ZeroDivisionError)],
)
def test_an_error_inside_of_the_module_comes_through(folder, module, error):
    with pytest.raises(error):
        make_wsgi({}, app=f"found_site.{module}:app", path=str(folder))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "is required"),
        ({"app": "a:b", "path": "/nowhere/at/all"}, "existing folders"),
        ({"app": "a:b", "debug": "true"}, "unknown option"),
    ],
)
def test_options_that_cannot_hold_are_refused(options, reason):
    with pytest.raises(InvalidOptions, match=reason):
        make_wsgi({}, **options)
