from typing import Any

from django.conf import settings

from switera_webhooks.commands import ServiceCommand
from webhooks.platform_keys import new_platform_key

VARIABLE = "WEBHOOKS_PLATFORM_KEY_HASHES"


class Command(ServiceCommand):
    help = (
        "Make a platform key, with which Switera's own services emit built-in events for any app. "
        "It is shown this once, and nothing is stored."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        text, key_hash = new_platform_key()
        hashes = [one.hex() for one in settings.WEBHOOKS_PLATFORM_KEY_HASHES]
        setting = ",".join([*hashes, key_hash])
        if options["json"]:
            self.print_json({"key": text, "hash": key_hash, "setting": f"{VARIABLE}={setting}"})
            return
        self.stdout.write(f"Platform key: {text}")
        self.stdout.write("Keep it: it is stored nowhere and cannot be shown again.")
        self.stdout.write("It works once the web processes have started with:")
        self.stdout.write(f"{VARIABLE}={setting}")
