"""Read the URL of a peer, and name a peer in the log."""

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def host_and_port(url: str) -> tuple[str, int]:
    """The host and port of a URL; raises ``ValueError`` without a host."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in _PORTS:
        raise ValueError("an http or https address")
    return parts.hostname, parts.port or _PORTS[parts.scheme]


def named(url: str) -> str:
    """A URL as a log may show it: without user and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a peer with an invalid address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
