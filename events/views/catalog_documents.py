"""The app's own event types as an OpenAPI document, and from one: looked at first, then imported."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, QueryDict

from events.documents.export import catalog_document
from events.documents.importing import ImportPlan, Outcome, PlannedType, import_catalog, plan_import
from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.pages.json_field import JSONTextField, typed_json
from switera_webhooks.refusals import Refusal
from webhooks.views.access import PageRequest, Tab, app_page

_MAX_DOCUMENT_BYTES = 12 * 1024 * 1024
_TYPES_SHOWN = 500
_ORDER = [Outcome.REFUSED, Outcome.CHANGED, Outcome.CREATED, Outcome.UNCHANGED, Outcome.BUILT_IN]
_DOCUMENT_LIKE = """{
  "openapi": "3.1.0",
  "webhooks": { … }
}"""


class DocumentField(JSONTextField):
    """A document as JSON text."""

    def to_python(self, value: object) -> Any:
        if isinstance(value, str) and value.lstrip().startswith(("openapi:", "---", "#")):
            raise ValidationError("This is YAML: give the same document as JSON.")
        return super().to_python(value)


class ImportForm(forms.Form):
    """A document, as a file or typed; a file's text takes the place of what is typed, so that nothing is lost."""

    file = forms.FileField(
        required=False,
        label="File",
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
        help_text="An OpenAPI 3.1 document in JSON: one that was exported here, or any that describes webhooks.",
    )
    document = DocumentField(
        label="Or paste it here",
        rows=12,
        placeholder=_DOCUMENT_LIKE,
        error_messages={"required": "Choose a file, or paste the document here."},
    )

    def __init__(self, data: QueryDict | None = None, file: "UploadedFile[Any] | None" = None) -> None:
        self._problem = ""
        if data is not None and file is not None:
            data = data.copy()
            if file.size is None or file.size > _MAX_DOCUMENT_BYTES:
                self._problem = "The file is over 12 MiB: import it in parts."
            else:
                try:
                    data["document"] = file.read().decode("utf-8-sig")
                except UnicodeDecodeError:
                    self._problem = "The file is not text in UTF-8."
        super().__init__(data)
        self.fields["document"].required = not self._problem

    def clean_file(self) -> None:
        if self._problem:
            raise ValidationError(self._problem)


@app_page(Tab.EVENT_CATALOG)
def event_catalog_export(page: PageRequest) -> HttpResponse:
    document = catalog_document(page.app, built_in=page.http.GET.get("built_in") == "true")
    response = HttpResponse(typed_json(document), content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{page.app.slug}-event-catalog.openapi.json"'
    return response


@app_page(Tab.EVENT_CATALOG, for_developers=True)
def event_catalog_import(page: PageRequest) -> HttpResponse:
    if page.http.method != "POST":
        return _answer(page, ImportForm())
    form = ImportForm(page.http.POST, page.http.FILES.get("file"))
    if not form.is_valid():
        return _answer(page, form)
    document = form.cleaned_data["document"]
    try:
        if page.http.POST.get("do") == "import" and (fingerprint := page.http.POST.get("fingerprint")):
            try:
                done = import_catalog(page.app, document, page.actor, fingerprint=fingerprint)
            except Refusal as refusal:
                form.add_error(None, refusal.message)
            else:
                messages.success(page.http, _told(done))
                return page.redirect("event_catalog")
        return _answer(page, form, plan_import(page.app, document))
    except Refusal as refusal:
        add_refusal(form, refusal)
        return _answer(page, form)


def _answer(page: PageRequest, form: ImportForm, plan: ImportPlan | None = None) -> HttpResponse:
    context: dict[str, object] = {"form": form, "plan": plan}
    if plan is not None:
        rows = sorted(plan.types, key=_importance)
        counts = {outcome.value: len(plan.named(outcome)) for outcome in Outcome}
        context |= {
            "rows": rows[:_TYPES_SHOWN],
            "more": max(0, len(rows) - _TYPES_SHOWN),
            "counts": counts,
            "to_do": counts["created"] + counts["changed"],
        }
    return page.render("events/event_catalog_import.html", context, status=422 if form.errors else 200)


def _importance(planned: PlannedType) -> int:
    return _ORDER.index(planned.outcome)


def _told(plan: ImportPlan) -> str:
    created, changed = len(plan.named(Outcome.CREATED)), len(plan.named(Outcome.CHANGED))
    return f"Imported: {created} event type{'' if created == 1 else 's'} created, {changed} changed."
