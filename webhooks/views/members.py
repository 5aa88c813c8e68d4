"""Who may operate the app. Owners add, change and remove members; anybody may leave."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse

from switera_webhooks.pages.forms import add_refusal
from switera_webhooks.refusals import Conflict, InvalidInput
from webhooks.members import add_member, find_builder, only_owner_of, remove_member, set_member_role
from webhooks.models import Membership, Role
from webhooks.views.access import PageRequest, Section, app_page

_ROLES = [
    (Role.OWNER.value, "Owner: everything, members and the app itself too"),
    (Role.DEVELOPER.value, "Developer: all but members and the app itself"),
    (Role.VIEWER.value, "Viewer: looks, and neither changes nor reveals anything"),
]


class AddMemberForm(forms.Form):
    """A Builder by the address of their account, and what they may do."""

    email = forms.EmailField(
        label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )
    role = forms.ChoiceField(label="Role", choices=_ROLES, initial=Role.DEVELOPER.value, widget=forms.RadioSelect)


@app_page(Section.MEMBERS)
def members(page: PageRequest) -> HttpResponse:
    return _members_page(page, AddMemberForm())


@app_page(Section.MEMBERS, for_owners=True)
def member_add(page: PageRequest) -> HttpResponse:
    if page.http.method != "POST":
        return page.redirect("members")
    form = AddMemberForm(page.http.POST)
    if not form.is_valid():
        return _members_page(page, form, status=400)
    try:
        user = find_builder(form.cleaned_data["email"])
        membership = add_member(page.app, user, form.cleaned_data["role"], page.actor)
    except (InvalidInput, Conflict) as refusal:
        add_refusal(form, refusal)
        return _members_page(page, form, status=refusal.status)
    messages.success(page.http, f"{user.get_username()} is {_a(membership.role)} of {page.app.name} now.")
    return page.redirect("members")


@app_page(Section.MEMBERS, for_owners=True)
def member_role(page: PageRequest, user_id: int) -> HttpResponse:
    membership = _find(page, user_id)
    if page.http.method == "POST":
        membership = set_member_role(membership, page.http.POST.get("role", ""), page.actor)
        messages.success(page.http, f"{membership.user.get_username()} is {_a(membership.role)} now.")
    return page.redirect("members")


@app_page(Section.MEMBERS, for_owners=True)
def member_remove(page: PageRequest, user_id: int) -> HttpResponse:
    membership = _find(page, user_id)
    if page.http.method != "POST":
        return page.redirect("members")
    remove_member(membership, page.actor)
    return _after_removal(page, membership)


@app_page(Section.MEMBERS)
def leave(page: PageRequest) -> HttpResponse:
    """Of any role: whoever leaves changes nothing but their own membership."""
    if page.http.method != "POST":
        return page.redirect("members")
    membership = _find(page, page.user.pk)
    remove_member(membership, page.actor)
    return _after_removal(page, membership)


def _after_removal(page: PageRequest, removed: Membership) -> HttpResponse:
    if removed.user == page.user:
        messages.success(page.http, f"You have left {page.app.name}.")
        return page.home()
    messages.success(page.http, f"{removed.user.get_username()} is no member of {page.app.name} any more.")
    return page.redirect("members")


def _find(page: PageRequest, user_id: int) -> Membership:
    """Raises Http404, the same for a Builder of other apps and for nobody (S33)."""
    membership = Membership.objects.select_related("user").filter(app=page.app, user__id=user_id).first()
    if membership is None:
        raise Http404
    return membership


def _members_page(page: PageRequest, form: AddMemberForm, status: int = 200) -> HttpResponse:
    """Those who were members first come first."""
    found = page.paginate(Membership.objects.filter(app=page.app).select_related("user"), order="id")
    context = {"found": found, "form": form, "roles": Role.choices, "only_owner": only_owner_of(page.app)}
    return page.render("webhooks/members.html", context, status=status)


def _a(role: str) -> str:
    return "an owner" if role == Role.OWNER else f"a {role}"
