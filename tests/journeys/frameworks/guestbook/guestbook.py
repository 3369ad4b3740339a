"""The guestbook of the town hall: a Pyramid application with an ini file of its own."""

from html import escape

from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.csrf import get_csrf_token
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from pyramid.view import view_config


class Root:
    """The whole site: everybody reads, and who is logged in writes."""

    __acl__ = ((Allow, Everyone, "read"), (Allow, Authenticated, "write"))

    def __init__(self, request):
        self.request = request


class SecurityPolicy:
    """Visitors are who the web server says they are."""

    def __init__(self):
        self.acl = ACLHelper()

    def authenticated_userid(self, request):
        user = request.remote_user
        # PEP 3333: text in environ is UTF-8, seen as latin-1.
        return user and user.encode("latin-1").decode()

    def identity(self, request):
        return self.authenticated_userid(request)

    def permits(self, request, context, permission):
        user = self.authenticated_userid(request)
        principals = [Everyone, Authenticated, user] if user else [Everyone]
        return self.acl.permits(context, principals, permission)

    def remember(self, request, userid, **options):
        return []

    def forget(self, request, **options):
        return []


@view_config(route_name="start", permission="read")
def start(request):
    return page(request, "The guestbook of the town hall")


@view_config(route_name="book", request_method="GET", permission="write")
def book(request):
    return page(request, "Write in the guestbook", form(request))


@view_config(route_name="moderate", request_method="GET", permission="write")
def moderate(request):
    return page(request, "Moderate the guestbook", form(request))


@view_config(route_name="book", request_method="POST", permission="write")
@view_config(route_name="moderate", request_method="POST", permission="write")
def write(request):
    request.registry.entries.append(request.POST["text"])
    request.session.flash("Thank you for writing.")
    return HTTPSeeOther("/book")


def form(request):
    """The form, with the token that Pyramid asks for."""
    return f"""<form method="post">
<input type="hidden" name="csrf_token" value="{escape(get_csrf_token(request))}">
<label>Your words <textarea name="text"></textarea></label>
<button>Send</button></form>"""


def page(request, title, content=""):
    """A page with the entries, and who is looking at it."""
    user = request.authenticated_userid
    who = "You are not logged in."
    links = '<a href="/">Start</a> <a href="/book">Write</a>'
    if user:
        who = f"You are logged in as {escape(user)}."
        url = request.registry.settings["guestbook.logout_url"]
        links += f' <a href="{escape(url)}">Log out</a>'
    told = "".join(f"<p>{escape(text)}</p>" for text in request.session.pop_flash())
    entries = "".join(f"<li>{escape(text)}</li>" for text in request.registry.entries)
    return Response(f"""<!doctype html>
<html lang="en"><head><title>{escape(title)}</title></head>
<body><nav>{links}</nav><h1>{escape(title)}</h1><p>{who}</p>{told}
<ul>{entries}</ul>{content}</body></html>""")


def main(global_config, **settings):
    """PasteDeploy's factory."""
    with Configurator(settings=settings, root_factory=Root) as config:
        config.registry.entries = []
        secret = settings["guestbook.secret"]
        config.set_session_factory(SignedCookieSessionFactory(secret))
        config.set_security_policy(SecurityPolicy())
        config.set_default_csrf_options(require_csrf=True)
        config.add_route("start", "/")
        config.add_route("book", "/book")
        config.add_route("moderate", "/book/moderate")
        config.scan(__name__)
    return config.make_wsgi_app()
