"""Parking in town: a Pyramid application with an ini file of its own.

At ``/login`` the web server says in REMOTE_USER who the driver is. From then on a
ticket in a signed cookie says so, and a session in another one keeps her cars.
"""

from html import escape

from pyramid.authentication import AuthTktCookieHelper
from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.csrf import get_csrf_token
from pyramid.httpexceptions import HTTPSeeOther, HTTPUnauthorized
from pyramid.response import Response
from pyramid.security import forget, remember
from pyramid.session import SignedCookieSessionFactory
from pyramid.view import forbidden_view_config, view_config


class Root:
    """The whole site: everybody reads, and who is logged in parks."""

    __acl__ = ((Allow, Everyone, "read"), (Allow, Authenticated, "park"))

    def __init__(self, request):
        self.request = request


class SecurityPolicy:
    """Visitors are who their ticket says they are."""

    def __init__(self, secret):
        self.tickets = AuthTktCookieHelper(secret, hashalg="sha512")
        self.acl = ACLHelper()

    def identity(self, request):
        ticket = self.tickets.identify(request)
        return ticket and ticket["userid"]

    def authenticated_userid(self, request):
        return self.identity(request)

    def permits(self, request, context, permission):
        user = self.identity(request)
        principals = [Everyone, Authenticated, user] if user else [Everyone]
        return self.acl.permits(context, principals, permission)

    def remember(self, request, userid, **options):
        return self.tickets.remember(request, userid, **options)

    def forget(self, request, **options):
        return self.tickets.forget(request, **options)


@view_config(route_name="start", permission="read")
def start(request):
    return page(request, "Parking in town")


@forbidden_view_config()
def ask_to_log_in(request):
    return HTTPSeeOther("/login")


@view_config(route_name="login")
def login(request):
    user = request.remote_user
    if not user:
        return HTTPUnauthorized()
    headers = remember(request, user)
    return HTTPSeeOther("/cars", headers=headers)


@view_config(route_name="logout", request_method="POST", require_csrf=True)
def logout(request):
    request.session.invalidate()
    return HTTPSeeOther("/", headers=forget(request))


@view_config(route_name="cars", request_method="GET", permission="park")
def cars(request):
    return page(request, "My cars", form(request, "Keep", "Its number", "text"))


@view_config(route_name="cars", request_method="POST", permission="park")
def keep(request):
    kept = request.session.get("cars", [])
    request.session["cars"] = [*kept, request.POST["text"]]
    request.session.flash("Your car may park.")
    return HTTPSeeOther("/cars")


def form(request, button, label="", name="", action=""):
    """A form with the token that Pyramid asks for."""
    field = (
        f'<label>{label} <textarea name="{name}"></textarea></label>' if name else ""
    )
    return f"""<form method="post" action="{action}">
<input type="hidden" name="csrf_token" value="{escape(get_csrf_token(request))}">
{field}<button>{button}</button></form>"""


def page(request, title, content=""):
    """A page with the driver's cars."""
    user = request.authenticated_userid
    who = "<p>You are not logged in.</p>"
    if user:
        who = f"<p>You are logged in as {escape(user)}.</p>"
        who += form(request, "Leave", action="/logout")
    told = "".join(f"<p>{escape(text)}</p>" for text in request.session.pop_flash())
    kept = "".join(f"<li>{escape(c)}</li>" for c in request.session.get("cars", []))
    return Response(f"""<!doctype html>
<html lang="en"><head><title>{escape(title)}</title></head>
<body><nav><a href="/">Start</a> <a href="/cars">My cars</a></nav>
<h1>{escape(title)}</h1>{who}{told}<ul>{kept}</ul>{content}</body></html>""")


def main(global_config, **settings):
    """PasteDeploy's factory."""
    with Configurator(settings=settings, root_factory=Root) as config:
        policy = SecurityPolicy(settings["parking.auth_secret"])
        secret = settings["parking.session_secret"]
        config.set_session_factory(SignedCookieSessionFactory(secret))
        config.set_security_policy(policy)
        config.set_default_csrf_options(require_csrf=True)
        config.add_route("start", "/")
        config.add_route("login", "/login")
        config.add_route("logout", "/logout")
        config.add_route("cars", "/cars")
        config.scan(__name__)
    return config.make_wsgi_app()
