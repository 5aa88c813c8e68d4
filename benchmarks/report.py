"""What a measurement found: tables for people, figures for programs, and whether its targets were met."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """Rows under headings; every cell is text as it is to be printed."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        lines = [self.headings, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        texts = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([self.title, *(f"  {text.rstrip()}" for text in texts)])


@dataclass(frozen=True)
class Target:
    """Something that must hold, and what was found instead of it or for it."""

    sentence: str
    met: bool
    found: str

    def __str__(self) -> str:
        return f"  {'met   ' if self.met else 'MISSED'}  {self.sentence}: {self.found}"


@dataclass
class Report:
    """One benchmark's outcome. `figures` is what --json writes: numbers, texts, and lists and maps of them."""

    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(str(part) for part in [*self.tables, *self.targets])

    def as_json(self) -> dict[str, object]:
        return {
            "figures": self.figures,
            "targets": [{"sentence": t.sentence, "met": t.met, "found": t.found} for t in self.targets],
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that is not below `share` (0 to 1) of them. Raises ValueError for none."""
    if not values:
        raise ValueError("There is no percentile of nothing.")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
