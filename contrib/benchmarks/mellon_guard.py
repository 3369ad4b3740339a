"""mod_auth_mellon under Apache as a guard: a page behind it, and the same page bare.

Its visitors sign in at our hub, as in ``tests/peers``, whose servers it borrows. Their
sessions are in mod_auth_mellon's shared memory.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from load import COMPARED, FIGURES, Load
from measuring import Bench, NotMeasured, Row, Size, Variant
from requests_over_http import CONNECTIONS
from served_sites import Served

_SUPPORT = Path(__file__).parents[2] / "tests" / "support"
_APACHE = Path("/usr/sbin/apache2")
_MODULE = Path("/usr/lib/apache2/modules/mod_auth_mellon.so")
#: Its table has room for 50 sessions, and it searches all of them.
VISITORS = 40
_SITE, _GUARDED, _BARE = "mellon", "/mijn/", "/open/"
_COOKIE = "mellon-mellon"
_PAGE = "<p>" + "Uw zaken. " * 100
#: Of the configuration of the tests: what a busy site has otherwise.
_CHANGES = {
    "AddOutputFilter INCLUDES .html": "MaxKeepAliveRequests 0",
    "ThreadsPerChild 8": "ThreadsPerChild 64",
    "MaxRequestWorkers 8": "MaxRequestWorkers 64",
    "MaxSpareThreads 8": "MaxSpareThreads 64",
    "auth_mellon:info": "",
    "</VirtualHost>": f"""\
<Location {_BARE}>
    MellonEnable off
</Location>
</VirtualHost>""",
}


@contextmanager
def _loads(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    with _sites(folder, size.of(VISITORS)) as sites:
        variants = {}
        for name, site in sites.items():
            load = Load(site, folder)
            for connections in CONNECTIONS[:1] if size.is_brief else CONNECTIONS:
                call = partial(load.figures, connections, size.seconds)
                variants[f"{name} {connections}"] = Variant(call)
        yield variants


@contextmanager
def _sites(folder: Path, visitors: int) -> Iterator[Mapping[str, Served]]:
    """The page at two addresses, with and without the guard."""
    if not (_APACHE.exists() and _MODULE.exists() and _SUPPORT.exists()):
        raise NotMeasured(
            "mod_auth_mellon is missing: apt install apache2-bin "
            "libapache2-mod-auth-mellon"
        )
    sys.path.append(str(_SUPPORT))
    from apache import hand_over  # noqa: PLC0415
    from peer_servers import Server  # noqa: PLC0415

    # Apache runs as another user, who may not enter the folder of a benchmark.
    theirs = Path(tempfile.mkdtemp(prefix="eilogin-benchmark-"))
    try:
        theirs.chmod(0o755)
        ours, mellon, port = _configured(folder, theirs)
        (theirs / "server.log").touch()
        command = [_APACHE, "-D", "FOREGROUND", "-f", theirs / "httpd.conf"]
        user = hand_over(theirs)
        with Server(theirs, command, port, user=user) as apache:
            ours.join(ours.metadata("inloggen"), mellon.metadata(_SITE))
            with ours.server():
                url = mellon.url(_SITE, _GUARDED)
                cookies = [_signed_in(url) for _ in range(visitors)]
            process: Any = apache._process  # noqa: SLF001 - for its number alone
            guarded = Served(process.pid, port, cookies, _GUARDED)
            assert guarded.lets_in(cookies[0])
            assert guarded.lets_in(cookies[-1])
            assert not guarded.lets_in(f"{_COOKIE}=nobody")
            yield {"guarded": guarded, "bare": replace(guarded, path=_BARE)}
    finally:
        shutil.rmtree(theirs)
        sys.path.remove(str(_SUPPORT))


def _configured(folder: Path, theirs: Path) -> tuple[Any, Any, int]:
    """Our hub, their site, and its port."""
    from eilogin_sites import Ours  # noqa: PLC0415
    from mellon import Mellon, Site  # noqa: PLC0415
    from real_parts import free_ports  # noqa: PLC0415

    (port,) = free_ports(1)
    ours = Ours(folder, {}, hub={})
    hubs = {"hub.xml": ours.metadata("inloggen")}
    mellon = Mellon(theirs, port, (Site(_SITE),), hubs)
    file = theirs / "httpd.conf"
    text = file.read_text()
    for old, new in _CHANGES.items():
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)
    for path in (_GUARDED, _BARE):
        page = theirs / "site" / path.strip("/") / "index.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(_PAGE)
    return ours, mellon, port


def _signed_in(url: str) -> str:
    """The cookie of somebody who has signed in there."""
    from eilogin_sites import PASSWORD, person  # noqa: PLC0415
    from peer_servers import over_http  # noqa: PLC0415

    from eilogin.testing import Browser  # noqa: PLC0415

    browser = Browser(over_http)
    browser.visit(url)
    browser.press("Inloggen", username=person(0), password=PASSWORD)
    assert browser.url == url, browser.text
    return f"{_COOKIE}={browser.cookie(f'{_SITE}.localhost', _COOKIE)}"


BENCHES = (
    Bench(
        name="mellon",
        what=f"a page over HTTP behind mod_auth_mellon under Apache, {VISITORS} "
        "sessions in its memory, beside the same page without it",
        rows=tuple(
            row
            for connections in CONNECTIONS
            for row in (
                Row(
                    name=f"Apache, {connections}: bare file", this=f"bare {connections}"
                ),
                Row(
                    name=f"Apache, {connections}: mod_auth_mellon",
                    this=f"guarded {connections}",
                    floor=f"bare {connections}",
                ),
            )
        ),
        setting=_loads,
        columns=FIGURES,
        compared=COMPARED,
        ratios=("bare/this", "look/this"),
        most_rounds=7,
        seconds=35,
    ),
)
