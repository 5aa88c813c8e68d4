"""The theme that a Builder chose, kept in a cookie so that the server renders it: no flash of the other one."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

COOKIE = "theme"
THEMES = {"system": "System", "light": "Light", "dark": "Dark"}
_YEAR = 365 * 24 * 3600


def chosen_theme(request: HttpRequest) -> str:
    """`light`, `dark`, or `system` where nothing was chosen."""
    theme = request.COOKIES.get(COOKIE, "")
    return theme if theme in THEMES else "system"


def theme(request: HttpRequest) -> dict[str, object]:
    """A context processor: `theme` for <html>, and `themes` for the switch."""
    return {"theme": chosen_theme(request), "themes": THEMES}


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember `theme` and go back to `next`; a script, which has changed the page already, asks for no page (204)."""
    if request.headers.get("X-Requested-With") == "fetch":
        response = HttpResponse(status=204)
    else:
        back = request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
        response = HttpResponseRedirect(back if is_ours else reverse("home"))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            COOKIE, chosen, max_age=_YEAR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
        )
    return response
