"""RIVAL_DATABASE (JSON for DATABASES), RIVAL_BROKER and RIVAL_QUEUE in the environment; the rest is as documented."""

import json
import os

SECRET_KEY = "for a benchmark on loopback"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_webhook", "benchmarks.rival.apps.RivalConfig"]
# Connections stay: as good as the package can be.
DATABASES = {"default": {**json.loads(os.environ["RIVAL_DATABASE"]), "CONN_MAX_AGE": None}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# Events are stored and webhooks cached by default.
DJANGO_WEBHOOK = {"MODELS": ["rival.Item"]}
