"""Signing in, out, and passwords: Django's own views, with limits and the audit log where they are ours."""

import math
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils import timezone

from switera_webhooks.middleware import client_address
from webhooks.audit import Actor
from webhooks.sign_ins import record_sign_in
from webhooks.views.access import signed_in


class SignInView(LoginView):
    """The audit log of each of the Builder's apps tells of it."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            user = signed_in(self.request)
            record_sign_in(user, Actor.of_user(user, client_address(self.request)))
        return response


class ChangePasswordView(PasswordChangeView):
    """Back to the apps, with a notice."""

    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("home")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is changed. Your other sessions are signed out.")
        return super().form_valid(form)


def too_many_attempts(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """What an address gets while its sign-in attempts are refused (S38): for how long, in words and as Retry-After."""
    last = AccessAttempt.objects.filter(ip_address=client_address(request)).order_by("-attempt_time").first()
    until = (
        settings.AXES_COOLOFF_TIME if last is None else last.attempt_time + settings.AXES_COOLOFF_TIME - timezone.now()
    )
    seconds = max(1, math.ceil(until.total_seconds()))
    minutes = math.ceil(seconds / 60)
    context = {"wait": "1 minute" if minutes == 1 else f"{minutes} minutes"}
    answer = render(request, "accounts/too_many_attempts.html", context, status=429)
    answer.headers["Retry-After"] = str(seconds)
    return answer
