"""Where a Builder begins: their apps."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from webhooks.models import Membership
from webhooks.views.access import signed_in


@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The apps that the Builder may operate, and nobody else's (S33)."""
    memberships = Membership.objects.filter(user=signed_in(request)).select_related("app")
    return render(request, "home.html", {"memberships": memberships.order_by("app__name", "app__slug")})
