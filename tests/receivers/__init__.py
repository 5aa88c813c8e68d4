"""Receivers of webhooks on loopback, well-behaved and not, for every suite that sends something."""
