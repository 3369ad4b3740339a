"""Shared caches of a test before a server: nginx and Varnish, by the manual."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from manual_blocks import block, with_changes
from nginx_servers import nginx
from peer_servers import Server
from real_parts import free_ports, unavailable

PROGRAM = Path("/usr/sbin/varnishd")
#: The page of the manual; its sections are "nginx" and "Varnish".
PAGE = "production/caches.rst"
#: A cache that looks into what it keeps for a request with cookies too. By itself
#: Varnish does not, and applications are slow then.
_BOLD = """
sub vcl_recv {
    return (hash);
}
"""

Cache = Callable[[Path, int], AbstractContextManager[int]]


@contextmanager
def nginx_keeps(folder: Path, origin: int) -> Iterator[int]:
    """Yield the port of an nginx that keeps answers, also without a word of theirs."""
    [port] = free_ports(1)
    lines = with_changes(
        block(PAGE, "nginx", "nginx"),
        {
            "/var/cache/nginx/uwv": f"{folder}/kept",
            "listen 443 ssl": f"listen 127.0.0.1:{port}",
            "    ssl_certificate /etc/ssl/uwv.crt;\n": "",
            "    ssl_certificate_key /etc/ssl/private/uwv.key;\n": "",
            "http://unix:/run/eilogin/web.sock:": f"http://127.0.0.1:{origin}",
            "proxy_cache uwv;": "proxy_cache uwv; proxy_cache_valid any 1h;",
        },
    )
    with nginx(folder, lines, port):
        yield port


@contextmanager
def varnish_keeps(folder: Path, origin: int) -> Iterator[int]:
    """Yield the port of a Varnish."""
    if not PROGRAM.exists():
        unavailable("needs Varnish: apt install varnish")
    [port] = free_ports(1)
    lines = with_changes(
        block(PAGE, "Varnish", "c"), {'.port = "8080"': f'.port = "{origin}"'}
    )
    (folder / "site.vcl").write_text(lines + _BOLD)
    command = [
        *(PROGRAM, "-F", "-j", "none", "-n", folder / "varnish"),
        *("-f", folder / "site.vcl", "-a", f"127.0.0.1:{port}", "-s", "malloc,16m"),
    ]
    with Server(folder, command, port):
        yield port


#: By name.
CACHES: Mapping[str, Cache] = {"nginx": nginx_keeps, "Varnish": varnish_keeps}
