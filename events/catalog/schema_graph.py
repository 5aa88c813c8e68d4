"""A JSON Schema as a graph: which subschema applies to which value, with every `$ref` followed.

Only references inside the schema exist here (security.md S41b): nothing that could name another document, or
give a part of this one another name, is let through.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from events.catalog.references import escaped, found_at, names_of
from events.catalog.refusals import SchemaRefused

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Subschemas in a row that judge the same value. Validators recurse into each, at every depth of the data.
MAX_BESIDE = 16

_Of = TypeVar("_Of")


@dataclass(frozen=True)
class Children(Generic[_Of]):
    """Subschemas for the children of a value, or the keywords that hold them."""

    one: tuple[_Of, ...] = ()
    every: tuple[_Of, ...] = ()


# Keywords whose subschemas judge the value itself ...
_BESIDE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies")
# ... and those whose subschemas judge its items or its fields: of some each child meets one, as it has one position
# or one name, of the others it may meet all.
_OF_ITEMS = Children(one=("prefixItems", "items"), every=("contains",))
_OF_FIELDS = Children(one=("properties", "additionalProperties"), every=("patternProperties", "propertyNames"))
_DEFINITIONS = ("$defs", "definitions")
# Of all these, the ones that hold subschemas by name.
_MAPS = ("properties", "patternProperties", "dependentSchemas", "dependencies", *_DEFINITIONS)

_NAMING = ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "$vocabulary")
# Compiling these copies every subschema beside them, once a reference: a schema of 6 KiB took 2 s and 600 MB.
_INSTEAD = {"unevaluatedProperties": "additionalProperties", "unevaluatedItems": "items"}


@dataclass(eq=False)
class Subschema:
    """One schema of the graph; `keywords` is empty for `true` and `false`."""

    pointer: str
    keywords: dict[str, object]
    beside: list["Subschema"] = field(default_factory=list)
    items: "Children[Subschema]" = field(default_factory=Children)
    fields: "Children[Subschema]" = field(default_factory=Children)

    @property
    def children(self) -> Iterator["Subschema"]:
        for children in (self.items, self.fields):
            yield from (*children.one, *children.every)


@dataclass(frozen=True)
class Graph:
    """The subschemas that a value can meet, each after those in its `beside`."""

    root: Subschema
    subschemas: tuple[Subschema, ...]


def read_graph(schema: dict[str, object]) -> Graph:
    """The graph of a schema that is valid under the meta-schema of draft 2020-12.

    Raises SchemaRefused for a reference that leaves the schema, leads nowhere or only to itself, for keywords
    that rename parts of it, and for those that cost too much.
    """
    root = _Reader(schema).read()
    return Graph(root, _inner_first(root))


class _Reader:
    def __init__(self, schema: dict[str, object]) -> None:
        self._root = schema
        self._known: dict[str, Subschema] = {}
        self._unread: list[Subschema] = []

    def read(self) -> Subschema:
        root = self._subschema("#", self._root)
        while self._unread:
            self._link(self._unread.pop())
        return root

    def _subschema(self, pointer: str, schema: object) -> Subschema:
        if pointer not in self._known:
            if not isinstance(schema, dict | bool):
                raise SchemaRefused(f"{shown(pointer)} is used as a schema but is none.")
            found = Subschema(pointer, schema if isinstance(schema, dict) else {})
            self._known[pointer] = found
            self._unread.append(found)
        return self._known[pointer]

    def _link(self, subschema: Subschema) -> None:
        _refuse_keywords(subschema)
        subschema.beside += self._under(subschema, _BESIDE)
        subschema.items = self._children(subschema, _OF_ITEMS)
        subschema.fields = self._children(subschema, _OF_FIELDS)
        list(self._under(subschema, _DEFINITIONS))
        if "$ref" in subschema.keywords:
            subschema.beside.append(self._referred(subschema))

    def _children(self, subschema: Subschema, keywords: Children[str]) -> Children[Subschema]:
        return Children(tuple(self._under(subschema, keywords.one)), tuple(self._under(subschema, keywords.every)))

    def _under(self, subschema: Subschema, keywords: tuple[str, ...]) -> Iterator[Subschema]:
        for keyword in keywords:
            if keyword not in subschema.keywords:
                continue
            value, pointer = subschema.keywords[keyword], f"{subschema.pointer}/{keyword}"
            if isinstance(value, list):
                for index, item in enumerate(value):
                    yield self._subschema(f"{pointer}/{index}", item)
            elif isinstance(value, dict) and keyword in _MAPS:
                for name, item in value.items():
                    # The older `dependencies` also holds lists of names.
                    if not isinstance(item, list):
                        yield self._subschema(f"{pointer}/{escaped(name)}", item)
            else:
                yield self._subschema(pointer, value)

    def _referred(self, subschema: Subschema) -> Subschema:
        reference = subschema.keywords["$ref"]
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise SchemaRefused(
                f'"$ref" at {shown(subschema.pointer)} must point inside the schema, such as "#/$defs/name":'
                " nothing is fetched."
            )
        try:
            target = found_at(self._root, reference)
        except LookupError as error:
            raise SchemaRefused(
                f'"$ref" at {shown(subschema.pointer)} leads nowhere: {shown(reference)} is not in the schema.'
            ) from error
        pointer = "/".join(["#", *map(escaped, names_of(reference))])
        return self._subschema(pointer, target)


def subschemas_within(schema: object) -> Iterator[dict[str, object]]:
    """The schema and those written in it, at any depth, that are objects; references are not followed."""
    waiting = [schema]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, dict):
            continue
        yield found
        for keyword in (*_BESIDE, *_OF_ITEMS.one, *_OF_ITEMS.every, *_OF_FIELDS.one, *_OF_FIELDS.every, *_DEFINITIONS):
            value = found.get(keyword)
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                waiting += value.values() if keyword in _MAPS else [value]


def shown(text: str) -> str:
    """Text from a schema as a message shows it: quoted where needed and not longer than a line."""
    return text if len(text) <= 80 else text[:79] + "…"


def _refuse_keywords(subschema: Subschema) -> None:
    for keyword in _NAMING:
        if keyword in subschema.keywords:
            raise SchemaRefused(
                f'Leave out "{keyword}" at {shown(subschema.pointer)}: parts of a schema refer to each other by'
                ' "$ref" and "#/$defs/name" alone.'
            )
    for keyword, instead in _INSTEAD.items():
        if keyword in subschema.keywords:
            raise SchemaRefused(
                f'Use "{instead}" instead of "{keyword}" at {shown(subschema.pointer)}: the latter cannot be checked'
                " in bounded time."
            )
    refuse_other_dialects(subschema.keywords)


def refuse_other_dialects(keywords: dict[str, object]) -> None:
    """Raises SchemaRefused where `$schema` names anything but draft 2020-12."""
    if keywords.get("$schema", DIALECT) not in (DIALECT, f"{DIALECT}#"):
        raise SchemaRefused(f'"$schema" must be {DIALECT} or left out.')


def _inner_first(root: Subschema) -> tuple[Subschema, ...]:
    """All that the root reaches, each after those beside it. No recursion: references chain far."""
    ordered: dict[Subschema, None] = {}
    steps: dict[Subschema, int] = {}
    waiting = [root]
    while waiting:
        start = waiting.pop()
        if start in ordered:
            continue
        path = {start: iter(start.beside)}
        while path:
            subschema = next(reversed(path))
            inner = next(path[subschema], None)
            if inner is None:
                del path[subschema]
                ordered[subschema] = None
                steps[subschema] = 1 + max([steps[inner] for inner in subschema.beside], default=0)
                if steps[subschema] > MAX_BESIDE:
                    raise SchemaRefused(
                        f"{shown(subschema.pointer)} leads through more than {MAX_BESIDE} alternatives, conditions and"
                        " references for one value: use fewer in a row."
                    )
                waiting += subschema.children
            elif inner in path:
                raise SchemaRefused(
                    f"{shown(inner.pointer)} refers to itself without going deeper into the value: put the"
                    ' reference under "properties" or "items".'
                )
            elif inner not in ordered:
                path[inner] = iter(inner.beside)
    return tuple(ordered)
