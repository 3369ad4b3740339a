"""A page or a refusal, its policy and its lines in the log."""

import base64
import hashlib
import json
import logging

from webob import Request

from eilogin.errors import StoreUnavailable
from eilogin.web.visit import Visit


def hash_of(script):
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def environ(language="nl", url="http://uwv.localhost/", **headers):
    return Request.blank(
        url, headers={"Accept-Language": language, "Accept": "text/html", **headers}
    ).environ


def policy(response):
    pairs = response.headers["Content-Security-Policy"].split("; ")
    return {name: rest for name, _, rest in (pair.partition(" ") for pair in pairs)}


NAVIGATION = environ()


def refusal(pages, caplog, error, event="login", environ=NAVIGATION, **more):
    """The page of an error, what the log says, and the audit event, if there is one."""
    with caplog.at_level(logging.INFO):
        page = pages.refuse(Visit(environ), error, event=event, **more)
    log = [r for r in caplog.records if r.name == "eilogin"]
    events = [r for r in caplog.records if r.name == "eilogin.audit"]
    # Nobody has done anything where the store is down and a page was read.
    is_told = not isinstance(error, StoreUnavailable) or event != "login"
    assert (len(log), len(events)) == (1, int(is_told))
    return page, log[0], json.loads(events[0].getMessage()) if is_told else None
