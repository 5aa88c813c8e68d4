"""What a measurement found: rows with targets for the one table of a run, details, and figures for programs."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RATE = "deliveries/s"
# A row as it is printed and written: what, target, measured, unit, value, samples, met, note.
RowDict = Mapping[str, Any]


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

    def markdown(self) -> str:
        lines = [self.headings, ["---"] * len(self.headings), *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


@dataclass(frozen=True)
class Row:
    """One figure: the median of its samples, and what it should be at least or at most (neither: for comparison)."""

    what: str
    unit: str
    samples: Sequence[float]
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.samples)

    @property
    def met(self) -> bool | None:
        if self.at_least is not None:
            return self.value >= self.at_least
        return self.value <= self.at_most if self.at_most is not None else None

    def as_json(self) -> RowDict:
        target = ""
        if self.at_least is not None:
            target = f"≥ {number(self.at_least)}"
        elif self.at_most is not None:
            target = f"≤ {number(self.at_most)}"
        return {
            "what": self.what,
            "target": target,
            "measured": number(self.value),
            "unit": self.unit,
            "value": self.value,
            "samples": list(self.samples),
            "met": self.met,
            "note": self.note,
        }


@dataclass(frozen=True)
class Target:
    """Something that must hold, and what was found instead of it or for it."""

    sentence: str
    met: bool
    found: str

    def as_json(self) -> RowDict:
        return {"what": self.sentence, "target": "yes", "measured": self.found, "met": self.met}


@dataclass
class Report:
    """One benchmark's outcome, filled as it goes. `figures` are numbers, texts, and lists and maps of them."""

    tables: list[Table] = field(default_factory=list)
    targets: list[Row | Target] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def add(
        self,
        what: str,
        unit: str,
        samples: Sequence[float],
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        note: str = "",
    ) -> None:
        self.targets.append(Row(what, unit, samples, at_least, at_most, note))

    def missing(self, what: str, expected: int, found: int) -> None:
        """A row of its own where deliveries are missing, or too many: a figure of less work is no figure."""
        if found != expected:
            self.targets.append(Target(f"{what}: none missing", False, f"{found:,} of {expected:,}"))

    def as_json(self) -> dict[str, Any]:
        return {"rows": [target.as_json() for target in self.targets], "figures": self.figures}


def rows_table(title: str, rows: Sequence[RowDict], baseline: float | None) -> Table:
    """The rows of a run; `baseline` is one task a delivery in deliveries a second, measured in the same run."""
    headings = ("what", "target", "measured", "", "least to most", "", "x baseline", "")
    lines = []
    for row in rows:
        samples = row.get("samples") or []
        spread = f"{number(min(samples))} to {number(max(samples))}" if len(samples) > 1 else ""
        times = f"{row['value'] / baseline:.1f}" if baseline and row.get("unit") == RATE else ""
        verdict = {True: "met", False: "MISSED", None: ""}[row["met"]]
        unit, note = row.get("unit", ""), row.get("note", "")
        lines.append((row["what"], row["target"], row["measured"], unit, spread, verdict, times, note))
    return Table(title, headings, lines)


def number(value: float) -> str:
    """Three digits that count, and no more."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that is not below `share` (0 to 1) of them. Raises ValueError for none."""
    if not values:
        raise ValueError("There is no percentile of nothing.")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
