"""How large a measurement is: to see that it works, to see where one stands, or for the record."""

from dataclasses import dataclass
from typing import TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Scale:
    """`rounds` is how many samples a figure has, `long_rounds` those that take a minute; it is their median."""

    name: str
    rounds: int
    long_rounds: int

    def pick(self, quick: Value, normal: Value, full: Value) -> Value:
        return {"quick": quick, "normal": normal, "full": full}[self.name]


QUICK = Scale("quick", 1, 1)
NORMAL = Scale("normal", 3, 1)
FULL = Scale("full", 5, 5)
