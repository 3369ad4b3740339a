"""The reference pages name every environ key and every metric, and no others."""

import re

from docutils import nodes
from docutils.core import publish_doctree
from manual_blocks import MANUAL
from prometheus_client.parser import text_string_to_metric_families

from eilogin import metrics
from eilogin.web import environ as env


def text_of(page):
    return (MANUAL / "reference" / page).read_text(encoding="utf-8")


def rows_of(page):
    """The cells of each row of each table, as text."""
    for row in publish_doctree(text_of(page)).findall(nodes.row):
        yield [entry.astext() for entry in row.findall(nodes.entry)]


def test_names_every_environ_key_of_eilogin():
    named = {
        key
        for first, *_ in rows_of("environ.rst")
        for key in re.findall(r"eilogin\.[a-z_.]+", first)
    }
    declared = {
        value
        for name, value in vars(env).items()
        if name.isupper() and str(value).startswith("eilogin.")
    }
    assert named == declared


def test_names_every_metric_with_its_type_and_labels(monkeypatch):
    monkeypatch.setattr(metrics, "_meters", None)
    meters = metrics.turn_on()
    for code, outcome in [
        ("sign-in", "ok"),
        ("login", "ok"),
        ("login", "failed"),
        ("logout.received", "ok"),
        ("logout.delivered", "ok"),
        ("session.ended", "ok"),
    ]:
        meters.event(code, outcome, "https://a.test", "basis", "limit")
    meters.logout_took(1.0)
    text, _ = meters.exposition(
        "", lambda: 1, {("", "own"): 1.0}, dict.fromkeys(metrics.FEDERATION, 1.0)
    )
    published = {
        family.name: (family.type, sorted(labels_of(family)))
        for family in text_string_to_metric_families(text.decode())
        if not family.name.endswith("_created")
    }
    described = {
        name: (kind, sorted(re.findall(r"\w+", labels)))
        for name, kind, labels, *_ in (
            row for row in rows_of("metrics.rst") if len(row) == 4
        )
        if name.startswith("eilogin_")
    }
    assert described == published


def labels_of(family):
    return {label for sample in family.samples for label in sample.labels} - {"le"}


def test_names_every_reason_for_which_a_session_ends():
    reasons = {row[0] for row in rows_of("metrics.rst") if len(row) == 2}
    assert reasons - {"reason"} <= set(metrics.WORDS)
