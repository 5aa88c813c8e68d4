"""The Django project: settings, URLs, the Celery app, and what all apps share."""

__version__ = "0.1.0"
