"""References to a part of the same JSON document: `#`, `#/$defs/name` (RFC 6901, as a URI's fragment)."""

import re
from urllib.parse import quote, unquote

_INDEX = re.compile(r"0|[1-9][0-9]{0,4}")


def names_of(reference: str) -> list[str]:
    """The names and indexes on the way from the document to what a reference that begins with `#` points to."""
    return [part.replace("~1", "/").replace("~0", "~") for part in unquote(reference).split("/")[1:]]


def reference_to(*names: str) -> str:
    """The reference that leads along these names."""
    return "/".join(["#", *(quote(escaped(name), safe="~$&+,;=:@!'()*") for name in names)])


def escaped(name: str) -> str:
    """A name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def found_at(document: object, reference: str) -> object:
    """What a reference that begins with `#` points to. Raises LookupError."""
    found = document
    for name in names_of(reference):
        if isinstance(found, dict):
            found = found[name]
        elif isinstance(found, list) and _INDEX.fullmatch(name):
            found = found[int(name)]
        else:
            raise LookupError(reference)
    return found
