"""The time that a usual option adds to a request, over the plain five filters."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from measuring import Bench, Row, Size, Variant, microseconds
from sites import guarded, html_page, requests_to, site

#: Two attributes of those that a session has.
_RELEASED = "* name mail"
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "attributes": {"attributes": "name NAME\nmail MAIL"},
    "headers from attributes": {
        "headers": "X-Name attribute:name\nX-Mail attribute:mail"
    },
    "allow_attributes": {"allow_attributes": "name"},
    "bind_address = warn": {"bind_address": "warn"},
    "metrics_token": {"metrics_token": "a-token-of-a-benchmark-that-is-long-enough"},
    "all of them": {},
}
_ALL = {name: value for some in _OPTIONS.values() for name, value in some.items()}
#: The page of this one has HTML to which it adds a script.
_WARN = "warn = 2m, page of 8 kB"
_GOAL = 2.0


@contextmanager
def _setting(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    with ExitStack() as stack:

        def requests(name: str, **options: str) -> Callable[[], object]:
            page = html_page if name.startswith("warn") else site
            app, cookies = stack.enter_context(
                guarded(
                    folder / name.replace(" ", "-"),
                    "memory:",
                    page,
                    release=_RELEASED,
                    **options,
                )
            )
            return requests_to(app, cookies)

        def beside(
            option: Callable[[], object], plain: Callable[[], object]
        ) -> Variant:
            def call() -> Mapping[str, float]:
                times = microseconds(option, size), microseconds(plain, size)
                return {
                    "µs": times[0],
                    "plain µs": times[1],
                    "added µs": times[0] - times[1],
                }

            return Variant(call)

        plain = requests("plain")
        variants = {
            name: beside(requests(name, **(options or _ALL)), plain)
            for name, options in _OPTIONS.items()
        }
        on, off = requests("warn-on", warn="2m"), requests("warn-off")
        yield {**variants, _WARN: beside(on, off)}


BENCHES = (
    Bench(
        name="options",
        what="usual options, each by itself: how many µs it adds to the five filters "
        "in process with store = memory:",
        rows=tuple(
            Row(
                name=name,
                this=name,
                limits={"added µs": _GOAL}
                if _OPTIONS.get(name) or name == _WARN
                else {},
            )
            for name in (*_OPTIONS, _WARN)
        ),
        setting=_setting,
        columns=("µs", "plain µs", "added µs"),
        seconds=10,
    ),
)
