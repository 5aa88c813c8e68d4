"""The one door to the pages of an app: who may see what of it, and how a page of it is answered (S33, S37)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django_htmx.http import HttpResponseClientRedirect

from deliveries.endpoint_facts import app_health_of
from switera_webhooks.environments import Environment
from switera_webhooks.ids import Prefix, from_public_id
from switera_webhooks.keyset import KeysetPage, UnknownCursor, keyset_page
from switera_webhooks.pages import errors
from switera_webhooks.refusals import Forbidden, Refusal
from webhooks.audit import Actor
from webhooks.models import App, Membership, Role
from webhooks.support import record_support_view

Row = TypeVar("Row", bound=Model)
Parameters = ParamSpec("Parameters")
# So many apps are in the switcher; the list of apps has all.
_APPS_IN_SWITCHER = 20
ROWS_OF_A_PAGE = 50


class Tab(Enum):
    """The tabs, each with its name and the route of its first page."""

    OVERVIEW = ("Overview", "overview")
    ENDPOINTS = ("Endpoints", "endpoints")
    DELIVERIES = ("Deliveries", "deliveries")
    EVENT_CATALOG = ("Event Catalog", "event_catalog")
    TEST_SEND = ("Test Send", "test_send")

    def __init__(self, label: str, route: str) -> None:
        self.label = label
        self.route = route


class Section(Enum):
    """What stands beside Services > Webhooks, each with its name, the route of its first page, and its icon."""

    ORGANIZATIONS = ("Organizations", "organizations", "building-2")
    API_KEYS = ("API Keys", "api_keys", "key-round")
    MEMBERS = ("Members", "members", "users")
    AUDIT_LOGS = ("Audit Logs", "audit_logs", "scroll-text")
    APP_SETTINGS = ("App Settings", "app_settings", "settings")

    def __init__(self, label: str, route: str, icon: str) -> None:
        self.label = label
        self.route = route
        self.icon = icon


class _InOtherEnvironment(Exception):
    """What was asked for is the app's own, but of this environment."""

    def __init__(self, environment: str) -> None:
        self.environment = environment


@dataclass(frozen=True)
class PageRequest:
    """A request for a page of one app and environment, by a member of the app.

    Or by support: a superuser who is no member looks as a viewer does, and that is on record.
    """

    http: HttpRequest
    user: User
    app: App
    environment: Environment
    role: Role
    place: Tab | Section
    is_support: bool = False

    @property
    def actor(self) -> Actor:
        """Who the audit log will name."""
        return Actor.of_user(self.user, self.http.META.get("REMOTE_ADDR") or None, self.environment)

    @property
    def can_change(self) -> bool:
        """Whether buttons that change something are shown."""
        return self.role != Role.VIEWER

    def refuse_viewers(self) -> None:
        """Raises Forbidden for a viewer: call it before a change, and before what a viewer may not see (S37)."""
        if not self.can_change:
            raise Forbidden(
                "Your role in this app is viewer, which looks but does not change. "
                "Ask an owner of the app for the role of a developer."
            )

    @property
    def is_owner(self) -> bool:
        """Whether buttons that are for owners alone are shown."""
        return self.role == Role.OWNER

    def refuse_all_but_owners(self) -> None:
        """Raises Forbidden: call it before a change of the app itself, or of who may operate it (S37)."""
        if not self.is_owner:
            raise Forbidden("This is for owners of the app: ask one of them to do it.")

    def find(self, rows: QuerySet[Row], prefix: Prefix, public_id: str) -> Row:
        """The row of this app and environment with this id; `rows` may hold other apps' and both environments'.

        Raises Http404, the same for a malformed, a missing and another app's id (S33). One of the app's other
        environment leads there.
        """
        key = from_public_id(prefix, public_id)
        row = None if key is None else rows.filter(app=self.app, pk=key).first()
        if row is None:
            raise Http404
        environment: str = getattr(row, "environment")  # noqa: B009 (of any model that has one)
        if environment != self.environment:
            raise _InOtherEnvironment(environment)
        return row

    def paginate(self, rows: QuerySet[Row], order: str = "-id", limit: int = ROWS_OF_A_PAGE) -> KeysetPage[Row]:
        """The page of `rows` that `?cursor=` asks for; a cursor that is none of ours begins at the first page."""
        try:
            return keyset_page(rows, cursor=self.http.GET.get("cursor") or None, limit=limit, order=order)
        except UnknownCursor:
            return keyset_page(rows, cursor=None, limit=limit, order=order)

    def url(self, route: str, *arguments: str) -> str:
        """The path of a page of this app in this environment."""
        return reverse(f"{self.environment}:{route}", args=[self.app.slug, *arguments])

    def redirect(self, route: str, *arguments: str) -> HttpResponse:
        """On to a page of this app in this environment, also for a request by htmx."""
        return _redirect(self.http, self.url(route, *arguments))

    def home(self) -> HttpResponse:
        """On to the list of the Builder's apps."""
        return _redirect(self.http, reverse("home"))

    def render(self, template: str, context: Mapping[str, Any] | None = None, status: int = 200) -> HttpResponse:
        """A whole page: the template extends app.html."""
        return render(self.http, template, {**self._shell(), **(context or {})}, status=status)

    def part(self, template: str, context: Mapping[str, Any] | None = None, status: int = 200) -> HttpResponse:
        """A part of a page, for htmx: without what only the shell needs."""
        return render(self.http, template, {**self._scope(), **(context or {})}, status=status)

    def _scope(self) -> dict[str, Any]:
        return {
            "page": self,
            "app": self.app,
            "environment": self.environment.value,
            "is_test": self.environment == Environment.TEST,
            "can_change": self.can_change,
            "is_support": self.is_support,
        }

    def _shell(self) -> dict[str, Any]:
        others = Membership.objects.filter(user=self.user, app__deleting_since=None)
        others = others.select_related("app").order_by("app__name", "app__slug")
        return {
            **self._scope(),
            "tabs": [(tab.label, self.url(tab.route), tab is self.place) for tab in Tab],
            "app_sections": [(each.label, self.url(each.route), each.icon, each is self.place) for each in Section],
            "in_webhooks": isinstance(self.place, Tab),
            "apps": [
                (other.app.name, reverse(f"{self.environment}:{self.place.route}", args=[other.app.slug]))
                for other in others[: _APPS_IN_SWITCHER + 1]
                if other.app_id != self.app.pk
            ][:_APPS_IN_SWITCHER],
            "health": app_health_of(self.app, self.environment),
            "environments": [(each.label, self._url_in(each), each == self.environment) for each in Environment],
        }

    def _url_in(self, environment: Environment) -> str:
        """This page in that environment; the place's first page where this one shows what only one of them has."""
        match = self.http.resolver_match
        assert match is not None  # noqa: S101 (a view is running)
        names = {name: value for name, value in match.kwargs.items() if name not in ("slug", "environment")}
        if match.url_name is None or any(name.endswith("_id") for name in names):
            return reverse(f"{environment}:{self.place.route}", args=[self.app.slug])
        return reverse(f"{environment}:{match.url_name}", kwargs={"slug": self.app.slug, **names})


PageView = Callable[Concatenate[PageRequest, Parameters], HttpResponseBase]


def app_page(
    place: Tab | Section, *, for_developers: bool = False, for_owners: bool = False
) -> Callable[[PageView[Parameters]], Callable[..., HttpResponseBase]]:
    """Makes a view of a function of a PageRequest and of what the route holds beyond slug and environment.

    Whoever is not signed in signs in first; for anybody but the app's members and support there is no such page (404);
    `for_developers` refuses viewers (403), `for_owners` developers too. A Refusal that the view lets pass is told in
    its own sentence.
    """

    def decorate(view: PageView[Parameters]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def wrapper(
            request: HttpRequest,
            slug: str,
            environment: Environment,
            *arguments: Parameters.args,
            **names: Parameters.kwargs,
        ) -> HttpResponseBase:
            try:
                response = _answer(request, slug, environment, *arguments, **names)
            except Http404:
                response = errors.page_not_found(request)
            except _InOtherEnvironment as other:
                response = _lead_to(request, slug, other.environment, names)
            except Refusal as refusal:
                response = errors.tell_when(errors.error_page(request, refusal.status, refusal.message), refusal)
            add_never_cache_headers(response)
            return response

        def _answer(
            request: HttpRequest,
            slug: str,
            environment: Environment,
            *arguments: Parameters.args,
            **names: Parameters.kwargs,
        ) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return sign_in_first(request)
            page = _page_of(request, slug, environment, place)
            if for_owners:
                page.refuse_all_but_owners()
            if for_developers:
                page.refuse_viewers()
            return view(page, *arguments, **names)

        return wrapper

    return decorate


def _page_of(request: HttpRequest, slug: str, environment: Environment, place: Tab | Section) -> PageRequest:
    """What the Builder may do here. Raises Http404 for whoever is neither member nor support."""
    user = signed_in(request)
    mine = Membership.objects.select_related("app").filter(user=user, app__deleting_since=None)
    membership = mine.filter(app__slug=slug).first()
    if membership is not None:
        return PageRequest(request, user, membership.app, environment, Role(membership.role), place)
    app = App.objects.filter(slug=slug, deleting_since=None).first() if user.is_superuser else None
    if app is None:
        raise Http404
    page = PageRequest(request, user, app, environment, Role.VIEWER, place, is_support=True)
    if request.method not in ("GET", "HEAD"):
        raise Forbidden("You are looking as support, which reads and changes nothing. Ask an owner of the app.")
    record_support_view(app, page.actor)
    return page


def signed_in(request: HttpRequest) -> User:
    """The Builder, where it is known that there is one."""
    assert isinstance(request.user, User)  # noqa: S101 (narrows the type)
    return request.user


def _by_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def _redirect(request: HttpRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if _by_htmx(request) else HttpResponseRedirect(url)


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """To the sign-in, and then back: to the page that asked, where htmx asked for a part of it."""
    back = request.get_full_path()
    if request.method == "POST":
        messages.warning(request, "You were signed out meanwhile: nothing was changed. Sign in and do it again.")
    if _by_htmx(request):
        back = request.htmx.current_url_abs_path or reverse("home")  # type: ignore[attr-defined]
    return _redirect(request, redirect_to_login(back).url)


def _lead_to(request: HttpRequest, slug: str, environment: str, names: Mapping[str, object]) -> HttpResponse:
    """The same page in the environment that what was asked for is of; nothing is changed on the way."""
    match = request.resolver_match
    if request.method not in ("GET", "HEAD") or match is None:
        return errors.page_not_found(request)
    query = request.META.get("QUERY_STRING", "")
    path = reverse(f"{environment}:{match.url_name}", kwargs={"slug": slug, **names})
    return _redirect(request, f"{path}?{query}" if query else path)
