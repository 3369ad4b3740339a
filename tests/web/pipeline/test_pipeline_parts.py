"""The declarations of the filters, and the texts that repeat them."""

import inspect
import re
from itertools import pairwise

import pytest
from manual_blocks import MANUAL
from paste.deploy import loadapp
from webtest import TestApp as Client

from eilogin.web import environ as env
from eilogin.web.pipeline.pipeline_parts import (
    APPS,
    FILTERS,
    PipelinePart,
    filters,
    needed_before,
    order,
    points,
    provided,
    setter,
)

PARTS = [*filters(), "hub", "portal"]
KEYS = {
    value
    for name, value in vars(env).items()
    if name.isupper() and str(value).startswith("eilogin.")
}


def quoted(text):
    return re.findall(r"``([^`]+)``", text)


def test_order_follows_from_the_declarations():
    assert order() == "session trust login logout identity appsession app"


def test_main_filter_nests_the_filters_that_a_participant_must_not_lack(federation):
    app = federation.apps["uwv.test"]
    nested = []
    while isinstance(app, PipelinePart):
        nested.append(type(app))
        app = app.app
    assert nested == provided("main")


@pytest.mark.parametrize("group", [FILTERS, APPS])
def test_finds_the_part_that_each_factory_makes(group):
    others = {"main", "wsgi", "factory"}
    for name in points(group).keys() - others:
        assert [part.eilogin_part for part in provided(name)] == [name]


@pytest.mark.parametrize("name", ["wsgi", "factory", "hosts", "other", "", None])
def test_other_entry_points_are_no_parts(name):
    assert provided(name) == []


def test_hub_and_portal_need_the_filters_before_them():
    for name in ("hub", "portal"):
        (part,) = provided(name)
        assert needed_before(part) == ["session", "trust"]


def test_each_environ_key_has_a_filter_that_sets_it():
    assert {key for key in KEYS if setter(key) in filters()} == KEYS


# --- texts ----------------------------------------------------------------------------

OPTIONS = (MANUAL / "reference/options.rst").read_text()
ENVIRON = (MANUAL / "reference/environ.rst").read_text()


def needs_in(text):
    said = re.search(r"\*Needs\* (.*?)\.", " ".join(text.split()))
    return quoted(said[1].partition(": ")[0])


@pytest.mark.parametrize("name", [*filters(), "portal"])
def test_docstring_names_the_filters_that_it_needs(name):
    (part,) = provided(name)
    module = inspect.getmodule(part)
    assert needs_in(module.__doc__) == needed_before(part)


@pytest.mark.parametrize("name", filters())
def test_manual_names_the_filters_that_it_needs_and_its_keys(name):
    part = filters()[name]
    section = OPTIONS.partition(f"\n``egg:eilogin#{name}``")[2]
    facts = section.partition("\nMore: ")[0]
    assert needs_in(facts) == needed_before(part)
    said = " ".join(facts.split()).partition("*Sets* ")[2].partition(". ")[0]
    assert set(quoted(said)) <= set(part.WRITES)


def test_manual_names_the_filter_that_sets_each_key():
    rows = re.findall(r"^``(eilogin\S+)`` +(``.*?``)  ", ENVIRON, re.MULTILINE)
    rows += re.findall(r"\* - ``(eilogin\S+)``\n +- (``\w+``)\n", ENVIRON)
    said = dict(rows)
    assert {key: set(quoted(names)) for key, names in said.items()} == {
        key: {name for name, part in filters().items() if key in part.WRITES}
        for key in KEYS
    }


# --- the contract ---------------------------------------------------------------------

SITE = """\
[pipeline:main]
pipeline = {pipeline} app

[filter:session]
use = egg:eilogin#session
store = sqlite:///{folder}/sessions.db

[filter:trust]
use = egg:eilogin#trust
public_url = https://uwv.test
key = {folder}/uwv.test.key
certificate = {folder}/uwv.test.crt
federation = {folder}/federation.xml
federation_certificate = {folder}/federation.crt

[filter:login]
use = egg:eilogin#login
protect =
    /        optional
    /static  off

[filter:logout]
use = egg:eilogin#logout

[filter:identity]
use = egg:eilogin#identity

[filter:appsession]
use = egg:eilogin#appsession

[filter:look]
paste.filter_app_factory = {module}:make_look

[app:app]
paste.app_factory = {module}:make_app
"""

looked = []


def make_look(app, global_conf):
    """Record the environ keys at this place of a pipeline."""

    def look(environ, start_response):
        looked.append(set(environ))
        return app(environ, start_response)

    return look


def make_app(global_conf):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"here"]

    return app


@pytest.mark.parametrize("path", ["/", "/static/logo"])
def test_filters_find_and_set_the_keys_that_they_declare(federation, tmp_path, path):
    ini = tmp_path / "site.ini"
    pipeline = "look " + " look ".join(filters()) + " look"
    said = {"folder": federation.folder, "module": __name__, "pipeline": pipeline}
    ini.write_text(SITE.format(**said))
    looked.clear()
    Client(loadapp(f"config:{ini}")).get(f"https://uwv.test{path}")
    for name, (before, after) in zip(filters(), pairwise(looked), strict=True):
        part = filters()[name]
        assert set(part.NEEDS) <= before, name
        new = {key for key in after - before if not key.startswith("webob.")}
        assert new <= set(part.WRITES), name
