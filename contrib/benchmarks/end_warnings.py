"""Measure the cost of the warning for a page of HTML, in process and over HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from measuring import Bench, Row, Size, Variant
from served_sites import served
from serving import PAGES
from sites import guarded, requests_to


@contextmanager
def _in_process(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        variants = {}
        for kind, (app, warn) in PAGES.items():
            site = guarded(folder / kind, "memory:", app, warn=warn)
            variants[kind] = Variant(requests_to(*stack.enter_context(site)))
        yield variants


@contextmanager
def _over_http(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    with ExitStack() as stack:
        yield {
            kind: Variant(stack.enter_context(served(kind, folder / kind)))
            for kind in PAGES
        }


BENCHES = (
    Bench(
        name="warning",
        what="a page of HTML of 8 kB with warn = 2m behind five filters in process, "
        "beside warn = off; the same with a Content-Security-Policy to extend",
        rows=(
            Row(
                name="page with the warning, in process", this="page", floor="page-off"
            ),
            Row(
                name="page with a policy, in process", this="policy", floor="policy-off"
            ),
        ),
        setting=_in_process,
    ),
    Bench(
        name="warning-http",
        what="the same pages over HTTP",
        rows=(
            Row(
                name="page with the warning, over waitress",
                this="page",
                floor="page-off",
                goal=1.15,
            ),
            Row(
                name="page with a policy, over waitress",
                this="policy",
                floor="policy-off",
                goal=1.15,
            ),
        ),
        setting=_over_http,
        samples=400,
    ),
)
