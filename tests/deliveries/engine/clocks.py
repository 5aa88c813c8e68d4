"""A clock that stands still until a test moves it."""

from types import SimpleNamespace


class Clock(SimpleNamespace):
    """In place of the module `time` of the engine's module that is tested."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now
