"""Pages for citizens. A question that is not sent yet is kept in the session."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from news.models import Item


@require_safe
def start(request):
    """For everybody."""
    page = {"title": "The town hall", "news": Item.objects.all()}
    return render(request, "page.html", page)


def desk(request):
    """For who is logged in: her questions, and the form for a new one."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    if request.method == "POST":
        drafts = request.session.get("drafts", [])
        request.session["drafts"] = [*drafts, request.POST["text"]]
        messages.success(request, "We kept your question.")
        return redirect("desk")
    return render(request, "page.html", {"title": "My desk", "has_form": True})
