"""Pictures of pages, to look at: `python -m tests.browser.look OUT [PATH …]`.

Serves the demo (tests/demo.py) from SQLite and writes each PATH as PNG in both themes, wide and narrow: PATH is below
the app's live pages (`endpoints/add/`), or begins with a slash. `{Billing}` stands for that endpoint's id, `{failed}`
for the delivery's with that outcome. Without a PATH every page is looked at. `--viewer` looks as a viewer does,
`--operator` as a superuser at the admin site, where `/admin/find/?id={failed}` is an object's page.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PATHS = [
    "/",
    "",
    "?period=7d",
    "endpoints/",
    "endpoints/add/",
    "endpoints/{Billing}/",
    "deliveries/",
    "deliveries/{retrying}/",
    "deliveries/{succeeded}/",
    "deliveries/{failed}/",
    "deliveries/?endpoint={Analytics}&status=failed",
    "deliveries/replay/?kind=missing&endpoint={Billing}",
    "replays/",
    "event-catalog/",
    "event-catalog/order.paid/",
    "event-catalog/order.paid/edit/",
    "event-catalog/order.paid/delete/",
    "event-catalog/import/",
    "test-send/",
    "/apps/northwind-orders/api-keys/",
    "/apps/northwind-orders/members/",
    "/apps/northwind-orders/audit-logs/",
    *(
        f"/apps/northwind-orders/organizations/{page}"
        for page in ("", "add/", "{Acme}/", "{Acme}/members/", "{Acme}/invitations/", "{Acme}/domains/")
    ),
    "gallery/",
    "/apps/northwind-orders/settings/",
    "/apps/northwind-orders/settings/delete/",
    "/apps/northwind-orders/test/webhooks/",
    "/accounts/password/",
    "/nowhere/",
]
SIGNED_OUT = ["/accounts/login/", "/accounts/password/reset/"]  # looked at before signing in


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("paths", nargs="*", metavar="PATH")
    parser.add_argument("--viewer", action="store_true")
    parser.add_argument("--operator", action="store_true", help="as a superuser: for paths below /admin/")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.test.runner import DiscoverRunner
    from django.test.utils import override_settings, setup_test_environment
    from playwright.sync_api import sync_playwright
    from pytest_django.live_server_helper import LiveServer

    from deliveries.tally import count_traffic
    from tests import network
    from tests.browser.chromium import NARROW, THEMES, WIDE, launch, sign_in_context
    from tests.demo import PASSWORD, build_demo

    network.block()
    setup_test_environment(debug=False)
    DiscoverRunner(verbosity=0, interactive=False).setup_databases()
    demo = build_demo()
    count_traffic()
    user = demo.viewer if options.viewer else demo.owner
    if options.operator:
        user = User.objects.create_superuser("olga", "olga@switera.example", PASSWORD)
    server = LiveServer("localhost")
    with override_settings(ALLOWED_HOSTS=["localhost"], ROOT_URLCONF="tests.gallery"), sync_playwright() as playwright:
        browser = launch(playwright)
        for width in (WIDE, NARROW):
            for theme in THEMES:
                context = browser.new_context(
                    base_url=server.url,
                    viewport={"width": width, "height": 900},
                    color_scheme=theme,
                    timezone_id="Europe/Berlin",
                )
                page = context.new_page()
                page.on("console", _tell)
                paths = options.paths or SIGNED_OUT + PATHS
                for path in [path for path in SIGNED_OUT if path in paths]:
                    _take(page, path, path, options.out, theme, width)
                sign_in_context(context, user, server.url)
                for path in [path for path in paths if path not in SIGNED_OUT]:
                    url = path.format(**demo.ids)
                    _take(page, path, url if url.startswith("/") else demo.path + url, options.out, theme, width)
                context.close()
        browser.close()
    server.stop()


def _tell(message: "ConsoleMessage") -> None:
    sys.stdout.write(f"  {message.type}: {message.text}\n")


def _take(page: "Page", path: str, url: str, out: Path, theme: str, width: int) -> None:
    page.goto(url)
    name = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or ("home" if path else "overview")
    file = out / f"{name}-{theme}-{width}.png"
    page.screenshot(path=file, full_page=True)
    sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
