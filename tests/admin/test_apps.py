"""Apps on the admin site: an operator changes an app's weight, and nothing else."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from switera_webhooks.refusals import InvalidInput
from tests.factories import ACTOR, make_app
from webhooks.app_setup import set_app_weight
from webhooks.models import App, AuditEntry

pytestmark = pytest.mark.django_db
LIST = "/admin/webhooks/app/"


@pytest.fixture
def app() -> App:
    app = make_app("Shop").app
    AuditEntry.objects.all().delete()
    return app


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("olga", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.force_login(user)
    return client


def test_an_operator_changes_the_weight_and_is_named_for_it(app: App) -> None:
    operator = staff("view_app", "change_app")
    before = App.objects.values().get()

    answer = operator.post(f"{LIST}{app.pk}/change/", {"weight": "20", "name": "Mine", "slug": "mine"})

    assert (answer.status_code, answer.headers["Location"]) == (302, LIST)
    after = App.objects.values().get()
    assert after == before | {"weight": 20, "updated_at": after["updated_at"]}
    entry = AuditEntry.objects.get()
    assert (entry.app_id, entry.action, entry.target_id) == (app.pk, "app.weight.changed", app.public_id)
    assert (entry.actor_type, entry.actor_name, entry.ip) == ("builder", "olga", "192.0.2.7")
    assert entry.changes == {"weight": [1, 20]}


@pytest.mark.parametrize("weight", ["0", "101", "-1", "1.5", "", "many"])
def test_a_weight_beyond_1_to_100_is_refused(app: App, weight: str) -> None:
    operator = staff("view_app", "change_app")

    answer = operator.post(f"{LIST}{app.pk}/change/", {"weight": weight})

    assert answer.status_code == 200
    assert b'class="errorlist"' in answer.content
    assert (App.objects.get().weight, AuditEntry.objects.count()) == (1, 0)


def test_the_weight_it_has_writes_nothing(app: App) -> None:
    before = App.objects.values().get()

    set_app_weight(app, 1, ACTOR)

    assert (App.objects.values().get(), AuditEntry.objects.count()) == (before, 0)


@pytest.mark.parametrize("weight", [0, 101])
def test_the_action_itself_checks_the_weight(app: App, weight: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        set_app_weight(app, weight, ACTOR)

    assert refused.value.details == {"weight": ["Give a whole number from 1 to 100."]}
    assert (App.objects.get().weight, AuditEntry.objects.count()) == (1, 0)


def test_an_app_has_one_field_to_fill_in(app: App) -> None:
    html = staff("view_app", "change_app").get(f"{LIST}{app.pk}/change/").content.decode()

    form = html.split('<form method="post"')[-1] if 'id="app_form"' not in html else html.split('id="app_form"')[1]
    names = {part.split('"')[0] for part in form.split('name="')[1:]}
    assert names == {"csrfmiddlewaretoken", "weight", "_save", "_continue"}
    assert app.public_id in form


def test_looking_is_not_changing(app: App) -> None:
    """S37."""
    viewer = staff("view_app")

    assert viewer.get(f"{LIST}{app.pk}/change/").status_code == 200
    assert viewer.post(f"{LIST}{app.pk}/change/", {"weight": "20"}).status_code == 403
    assert (App.objects.get().weight, AuditEntry.objects.count()) == (1, 0)


@pytest.mark.parametrize("path", ["add/", "{id}/delete/"])
def test_no_app_is_added_or_deleted(app: App, path: str) -> None:
    client = staff("view_app", "change_app", "add_app", "delete_app")

    answer = client.post(LIST + path.format(id=app.pk), {"name": "New", "slug": "new", "post": "yes"})

    assert (answer.status_code, App.objects.count()) == (403, 1)


@pytest.mark.parametrize("count", [1, 20])
def test_the_list_costs_six_queries(count: int) -> None:
    for number in range(count):
        make_app(f"Shop {number}")
    client = staff("view_app")

    with CaptureQueriesContext(connection) as queries:
        html = client.get(LIST).content.decode()

    assert html.count('class="field-slug"') == count
    assert len(queries) == 6
