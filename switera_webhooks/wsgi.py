"""The WSGI application. Refuses to start where a required setting is missing."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switera_webhooks.settings")

from switera_webhooks.checks import refuse_incomplete_settings

refuse_incomplete_settings()
application = get_wsgi_application()
