"""Every pair of text and ground in both themes: 4.5:1; borders of controls and areas of charts: 3:1 (WCAG 2.2, 1.4)."""

import re
from pathlib import Path

import pytest

_TOKENS = (Path(__file__).resolve().parent.parent / "static" / "css" / "tokens.css").read_text()
_GROUNDS = ["ground", "panel", "sunken", "hover"]
_STATES = ["good", "warn", "bad", "info", "idle"]
TEXTS = [
    *((ink, ground) for ink in ("ink", "ink-soft", "ink-muted", "accent", "accent-strong") for ground in _GROUNDS),
    *((state, ground) for state in _STATES for ground in (*_GROUNDS, f"{state}-ground")),
    *(("ink", f"{state}-ground") for state in _STATES),
    ("accent-strong", "accent-ground"),
    ("ink", "accent-ground"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-bad", "bad"),
    ("panel", "warn"),
    ("panel", "ink"),
]
AREAS = [
    *(("control", ground) for ground in ("ground", "panel")),
    *((chart, "panel") for chart in ("chart-good", "chart-bad", "chart-accent")),
    *(("accent", ground) for ground in _GROUNDS),
]


def colours(theme: str) -> dict[str, str]:
    pairs = re.findall(r"--([a-z-]+): light-dark\((#\w{6}), (#\w{6})\);", _TOKENS)
    return {name: light if theme == "light" else dark for name, light, dark in pairs}


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(theme: str) -> None:
    of = colours(theme)
    ratios = {f"{text} on {ground}": round(contrast(of[text], of[ground]), 2) for text, ground in TEXTS}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_borders_and_areas_stand_out(theme: str) -> None:
    of = colours(theme)
    ratios = {f"{area} on {ground}": round(contrast(of[area], of[ground]), 2) for area, ground in AREAS}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 3} == {}
