"""Slugs made of names."""

from django.db.models import Model, QuerySet
from django.utils.text import slugify


def free_slug(name: str, taken_among: QuerySet[Model], otherwise: str) -> str:
    """A slug made of the name that none of these rows has yet: `shop`, `shop-2`, `shop-3`, …"""
    base = slugify(name)[:70].strip("-_") or otherwise
    taken = set(taken_among.filter(slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    return next(slug for number in range(2, len(taken) + 3) if (slug := f"{base}-{number}") not in taken)
