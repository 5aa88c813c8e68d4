"""Pages for Builders."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webhooks.models import Membership


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The apps that the Builder may operate, and nobody else's (S33)."""
    assert isinstance(request.user, User)  # noqa: S101 (login_required)
    memberships = Membership.objects.filter(user=request.user).select_related("app").order_by("app__name", "app__slug")
    return render(request, "home.html", {"memberships": memberships})
