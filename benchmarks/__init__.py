"""Measurements of the whole product, each on servers of its own: `python -m benchmarks [name …] [--json FILE]`.

Figures are of the machine they run on. What counts are the ratios within one run, and the counts that must be exact.
"""
