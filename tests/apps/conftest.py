"""The applications, installed and served, and a hub and a participant beside them."""

import itertools
import os
import shutil
import subprocess
import sys

import pytest
from app_sites import (
    APPS,
    ELSEWHERE,
    KINDS,
    Application,
    BehindNginx,
    Citizen,
    Running,
)
from eilogin_sites import HUB, Ours, metadata_of, person
from unmeasured import unmeasured

#: Who writes the news of the Django site.
EDITOR = {"username": "editor", "password": "her own", "email": "editor@example.nl"}
TRAC_ADMIN = "from trac.admin.console import run; run()"
#: By the folder it runs in, what makes an application ready, each by its own manual.
INSTALL = (
    ("townhall", "manage.py", "migrate", "--verbosity=0"),
    ("townhall", "manage.py", "createsuperuser", "--noinput"),
    ("parking", "-c", "import setuptools; setuptools.setup()", "-q", "egg_info"),
    (".", "-c", TRAC_ADMIN, "tracker", "initenv", "Tracker", "sqlite:db/trac.db"),
)


@pytest.fixture(scope="session")
def environment():
    """What every process has of ours; no Django site that ran in here is in it."""
    return {k: v for k, v in unmeasured().items() if k != "DJANGO_SETTINGS_MODULE"}


@pytest.fixture(scope="session")
def srv(environment, tmp_path_factory):
    """The folder in which they are installed."""
    folder = tmp_path_factory.mktemp("srv")
    for kind in KINDS.values():
        if (APPS / kind.name).is_dir():
            shutil.copytree(APPS / kind.name, folder / kind.name)
    editor = {f"DJANGO_SUPERUSER_{k.upper()}": said for k, said in EDITOR.items()}
    for name, *command in INSTALL:
        subprocess.run(
            [sys.executable, *command],
            cwd=folder / name,
            env={**environment, **editor},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    return folder


@pytest.fixture(scope="session")
def running(environment, srv, tmp_path_factory):
    """All that runs, which all tests share."""
    # Where Trac's environment is, and where the package of the Pyramid site is.
    environment["TRAC_ENV"] = str(srv / "tracker")
    path = [str(srv / "parking"), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(path)
    ours = Ours(tmp_path_factory.mktemp("ours"), {ELSEWHERE: {}}, hub={})
    applications = {
        name: Application(kind, srv, environment) for name, kind in KINDS.items()
    }
    behind_nginx = BehindNginx(KINDS["Django"], srv, environment)
    of_ours = map(ours.metadata, (HUB, ELSEWHERE))
    sites = [*applications.values(), behind_nginx]
    ours.join(*of_ours, *(metadata_of(one.ini_file) for one in sites))
    for name in ("federation.xml", "federation.crt"):
        shutil.copy(ours.folder / "var" / name, srv)
    running = Running(ours, applications, environment, behind_nginx)
    with running.served():
        yield running


@pytest.fixture(params=KINDS)
def application(running, request):
    """Each of them."""
    return running.applications[request.param]


@pytest.fixture(scope="session")
def new_name():
    """A citizen of whom no server knows anything yet, by her name."""
    numbers = itertools.count()
    return lambda: person(next(numbers))


@pytest.fixture
def citizen(new_name):
    """Make a citizen, at a browser of her own or at somebody else's."""
    return lambda browser=None: Citizen(new_name(), browser)


@pytest.fixture
def anna(citizen):
    return citizen()


@pytest.fixture
def editor_login():
    """What an editor types at the admin of the Django site."""
    return {name: EDITOR[name] for name in ("username", "password")}
