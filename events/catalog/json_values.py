"""JSON values: when two are the same, and what a database cannot hold of them."""

import json


def same_json(one: object, other: object) -> bool:
    """Whether both are written alike, whatever the order of names: unlike in Python, 1 is neither true nor 1.0."""
    return _written(one) == _written(other)


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def holds_nul(value: object) -> bool:
    """Whether a text or a name of this JSON value has U+0000 in it, which PostgreSQL refuses."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or holds_nul(child) for key, child in value.items())
    return isinstance(value, list) and any(holds_nul(child) for child in value)
