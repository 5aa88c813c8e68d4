"""Forms that pages of several rooms use."""

from collections.abc import Mapping

from django import forms
from django.core.exceptions import ValidationError

from switera_webhooks.refusals import Refusal


class ConfirmByName(forms.Form):
    """Before something is gone for good: its name typed, exactly."""

    confirm = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))

    def __init__(self, name: str, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.name = name
        self.fields["confirm"].label = f"Type {name} to confirm"

    def clean_confirm(self) -> str:
        given: str = self.cleaned_data["confirm"]
        if given != self.name:
            raise ValidationError("This is not the name: type it exactly as it is shown.")
        return given


def add_refusal(form: forms.BaseForm, refusal: Refusal) -> None:
    """Show why an action was refused: at the fields that its details name, else above the form."""
    told = False
    for field, problem in refusal.details.items():
        sentences = _sentences(problem)
        if field in form.fields and sentences:
            form.add_error(field, sentences)
            told = True
    if not told:
        form.add_error(None, refusal.message)


def _sentences(problem: object) -> list[str]:
    """Of a field, or of a field's parts by their names: {"X-Team": ["Use another name."]}."""
    if isinstance(problem, list):
        return [str(sentence) for sentence in problem]
    if isinstance(problem, Mapping):
        parts = [(name, sentence) for name, sentences in problem.items() for sentence in _sentences(sentences)]
        return [sentence if name in ("", "*") else f"{name}: {sentence}" for name, sentence in parts]
    return []
