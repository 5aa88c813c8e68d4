"""Where a Builder begins: their apps."""

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from webhooks.models import Membership, Role
from webhooks.views.access import sign_in_first, signed_in


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """The apps that the Builder may operate, and nobody else's (S33); its owners see one that is being deleted.

    The list alone for htmx, which asks again until no app is being deleted any more.
    """
    if not request.user.is_authenticated:
        return sign_in_first(request)
    there_or_mine = Q(app__deleting_since=None) | Q(role=Role.OWNER)
    mine = Membership.objects.filter(there_or_mine, user=signed_in(request)).select_related("app__deletion")
    memberships = list(mine.order_by("app__name", "app__slug"))
    deleting = any(membership.app.deleting_since for membership in memberships)
    by_htmx = bool(request.headers.get("HX-Request"))
    template = "webhooks/app_list.html" if by_htmx else "home.html"
    return render(request, template, {"memberships": memberships, "deleting": deleting})
