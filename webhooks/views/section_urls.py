"""The pages below `/apps/{slug}/`, beside Services > Webhooks."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
