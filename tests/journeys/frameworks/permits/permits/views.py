"""Pages of the site. A permit that is not signed yet is kept in the session."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe


@require_safe
def start(request):
    """For everybody."""
    return render(request, "page.html", {"title": "Permits"})


def application(request):
    """What the visitor applies for."""
    return draft_page(request, "My application")


def sign(request):
    """The same, and the application is sent."""
    return draft_page(request, "Sign my application")


def draft_page(request, title):
    """The visitor's draft, and the form that changes it."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    if request.method == "POST":
        drafts = request.session.get("drafts", [])
        request.session["drafts"] = [*drafts, request.POST["text"]]
        messages.success(request, "We kept your application.")
        return redirect("application")
    drafts = request.session.get("drafts", [])
    return render(request, "page.html", {"title": title, "drafts": drafts, "form": 1})
