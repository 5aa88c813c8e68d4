"""The site in place of Django's own (INSTALLED_APPS)."""

from django.contrib.admin.apps import AdminConfig


class OperatorsAdminConfig(AdminConfig):
    default_site = "switera_webhooks.admin.site.OperatorsSite"
