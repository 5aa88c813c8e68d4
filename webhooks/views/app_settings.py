"""What an app is called, and its end."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from deliveries.app_deletion import NOTICE, delete_app, will_be_told
from switera_webhooks.pages.forms import ConfirmByName, add_refusal
from switera_webhooks.refusals import Conflict, InvalidInput
from webhooks.app_setup import update_app
from webhooks.views.access import PageRequest, Section, app_page


class AppForm(forms.Form):
    """The two things about an app that may change."""

    name = forms.CharField(max_length=200, help_text="As members see it on every page.")
    slug = forms.CharField(
        max_length=80,
        help_text="Part of the address of every page of the app. If you change it, links and bookmarks to its pages "
        "stop working. The REST API goes by the app's id: programs notice nothing.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )


@app_page(Section.APP_SETTINGS)
def app_settings(page: PageRequest) -> HttpResponse:
    posted = page.http.method == "POST"
    if posted:
        page.refuse_all_but_owners()
    form = AppForm(page.http.POST if posted else None, initial={"name": page.app.name, "slug": page.app.slug})
    if form.is_valid():
        try:
            app = update_app(page.app, form.cleaned_data, page.actor)
        except (InvalidInput, Conflict) as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(page.http, "Saved.")
            return HttpResponseRedirect(reverse(f"{page.environment}:app_settings", args=[app.slug]))
    return page.render("webhooks/app_settings.html", {"form": form}, status=400 if posted else 200)


@app_page(Section.APP_SETTINGS, for_owners=True)
def app_delete(page: PageRequest) -> HttpResponse:
    posted = page.http.method == "POST"
    form = ConfirmByName(page.app.name, page.http.POST if posted else None)
    if form.is_valid():
        delete_app(page.app, page.actor)
        messages.success(page.http, f"{page.app.name} is being deleted. Nobody can open it any more.")
        return HttpResponseRedirect(reverse("home"))
    context = {
        "form": form,
        "back_url": page.url("app_settings"),
        "told": will_be_told(page.app),
        "notice_seconds": round(NOTICE.total_seconds()),
    }
    return page.render("webhooks/app_delete.html", context, status=400 if posted else 200)
