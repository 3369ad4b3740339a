"""A refresh as a process of its own: what it is told, what it does, what it tells."""

import json
import logging
import os
import subprocess
import sys

import pytest

from eilogin.federation import Membership
from eilogin.federation.refresh import refresh_process

HUB, UWV = "https://hub.test/metadata", "https://uwv.test/eilogin/metadata"
STAD = "https://stad.test/eilogin/metadata"


class TestAChild:
    def run(self, site, **changes):
        return subprocess.run(
            [sys.executable, "-c", refresh_process.RUN],
            input=changes.get("child_input", refresh_process.child_input(site)),
            capture_output=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=60,
            check=False,
        )  # fmt: skip

    def test_refreshes(self, site, sources, folder):
        sources.publish(HUB, UWV, STAD, says_when=False)
        sources.publish(HUB, UWV, STAD)
        done = self.run(site)
        assert done.returncode == 0, done.stderr
        federation = Membership.from_index(folder.index(folder.active.state))
        assert [*federation.members] == [HUB, UWV, STAD]
        told = [json.loads(line) for line in done.stderr.splitlines()]
        assert ["eilogin", logging.INFO] in [line[:2] for line in told]
        assert any('"trust.changed"' in line[2] for line in told)

    def test_is_told_no_secret(self, sources):
        site = sources.site(secret="0123456789abcdef", pseudonym_key="geheim" * 6)
        child_input = refresh_process.child_input(site)
        assert b"0123456789abcdef" not in child_input
        assert b"geheim" not in child_input
        assert b"member.key" in child_input

    def test_notes_what_fails(self, site, sources, folder):
        sources.publish(HUB, UWV, resolvers=False)
        done = self.run(site)
        assert done.returncode == 0, done.stderr
        assert folder.active.tries.failures == 1

    def test_that_cannot_read_its_options_says_so(self, site, folder):
        (site.federation_folder.parent / "operator.crt").unlink()
        done = self.run(site)
        assert done.returncode == 1
        assert b"refresh failed: 1 fault" in done.stderr

    def test_runs_our_code_whatever_an_application_has(self, tmp_path, monkeypatch):
        """Whose folder comes first, by the option 'path'."""
        theirs, other = tmp_path / "theirs", tmp_path / "other"
        (theirs / "eilogin").mkdir(parents=True)
        monkeypatch.setattr(sys, "path", [str(theirs), str(other), *sys.path])
        found = refresh_process.environment()["PYTHONPATH"].split(os.pathsep)
        assert str(theirs) not in found
        assert str(other) in found


def test_log_contains_the_messages_of_the_child_process(caplog):
    lines = [
        json.dumps(["eilogin.federation", logging.WARNING, "one"]).encode(),
        json.dumps(["eilogin.audit", logging.INFO, "{}"]).encode(),
        json.dumps(["root", logging.ERROR, "three"]).encode(),
        b"Traceback \xff",
        b"[]",
    ]
    with caplog.at_level(logging.INFO):
        refresh_process.relay(lines)
    assert [(r.name, r.levelname, r.message) for r in caplog.records] == [
        ("eilogin", "WARNING", "one"),
        ("eilogin.audit", "INFO", "{}"),
        ("eilogin", "ERROR", "three"),
        ("eilogin", "ERROR", "Traceback \ufffd"),
        ("eilogin", "ERROR", "[]"),
    ]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("/usr/bin/python3.13", "/usr/bin/python3.13"),
        ("/usr/bin/uwsgi", f"{sys.prefix}/bin/python3"),
        ("", f"{sys.prefix}/bin/python3"),
        (None, f"{sys.prefix}/bin/python3"),
    ],
)
def test_a_child_is_run_by_python_whatever_serves(monkeypatch, program, expected):
    monkeypatch.setattr(sys, "executable", program)
    assert refresh_process.python() == expected
