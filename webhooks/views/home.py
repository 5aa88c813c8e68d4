"""Where a Builder begins: their apps."""

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from webhooks.models import Membership, Role
from webhooks.views.access import signed_in


@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The apps that the Builder may operate, and nobody else's (S33); its owners see one that is being deleted."""
    there_or_mine = Q(app__deleting_since=None) | Q(role=Role.OWNER)
    memberships = Membership.objects.filter(there_or_mine, user=signed_in(request)).select_related("app__deletion")
    return render(request, "home.html", {"memberships": memberships.order_by("app__name", "app__slug")})
