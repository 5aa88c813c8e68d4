"""A small project that sends webhooks with the package django-webhook, set up as its documentation says.

It is a Django project of its own: settings here, the package from a directory of its own, a database of its own.
"""
