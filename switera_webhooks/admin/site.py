"""The operators' site: a dashboard first, one box that finds anything by its id, our name and colours."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path

from switera_webhooks.admin.named import Named, read_id
from switera_webhooks.admin.shown import object_url
from switera_webhooks.middleware import client_address

# The rooms in the order in which an operator looks into them; Django's own and those of packages come after.
_ROOMS = ("deliveries", "events", "webhooks", "auth", "axes")


class OperatorsSite(admin.AdminSite):
    site_header = "Switera Webhooks"
    site_title = "Switera Webhooks"
    index_title = "Operations"
    index_template = "admin/dashboard.html"

    def get_urls(self) -> list[Any]:
        own: list[URLPattern | URLResolver] = [path("find/", self.admin_view(self.find), name="find")]
        return [*own, *super().get_urls()]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """As Django's. The audit logs of an operator's own apps tell of it, as they do of a sign-in to the pages."""
        # They need the rooms' models, which are not there yet when the site is made.
        from webhooks.audit import Actor
        from webhooks.sign_ins import record_sign_in
        from webhooks.views.access import signed_in

        response = super().login(request, extra_context)
        if request.method == "POST" and isinstance(response, HttpResponseRedirect):
            user = signed_in(request)
            with transaction.atomic():
                record_sign_in(user, Actor.of_user(user, client_address(request)))
        return response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        # The engine's figures need the rooms' models, which are not there yet when the site is made.
        from switera_webhooks.admin.dashboard import figures

        return super().index(request, {**(extra_context or {}), "figures": figures()})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        listed = super().get_app_list(request, app_label)
        return sorted(listed, key=lambda room: _place(room["app_label"]))

    def find(self, request: HttpRequest) -> HttpResponse:
        """To the object that `?id=` names; where there is none that this person may see, a page that says so."""
        text = request.GET.get("id", "").strip().replace("\x00", "")
        named = read_id(text) if text else None
        if named is not None and self._may_see(request, named):
            return HttpResponseRedirect(object_url(named.model, named.key))
        context = {**self.each_context(request), "title": "Find by id", "sought": text}
        return render(request, "admin/not_found_by_id.html", context, status=404 if text else 200)

    def _may_see(self, request: HttpRequest, named: Named) -> bool:
        model_admin = self._registry.get(named.model)
        if model_admin is None or not model_admin.has_view_permission(request):
            return False
        return named.model._default_manager.filter(pk=named.key).exists()


def _place(label: str) -> tuple[int, str]:
    rooms: Sequence[str] = _ROOMS
    return (rooms.index(label) if label in rooms else len(rooms), label)
