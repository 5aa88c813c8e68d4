"""JSON and code as people read them: nothing of it is changed, and none of it is HTML (S35)."""

import pytest
from django.template import Context, Template

from switera_webhooks.pages.code import COLOURED_AT_MOST, coloured, indented_json, json_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a":1}', '{\n  "a": 1\n}'),
        ('{"total":129.00,"big":12345678901234567890123,"e":1E5}',
         '{\n  "total": 129.00,\n  "big": 12345678901234567890123,\n  "e": 1E5\n}'),
        ("{}", "{}"),
        ("[ ]", "[]"),
        ('[{}, [1, [ ]], {"a" : [ true,null ]}]',
         '[\n  {},\n  [\n    1,\n    []\n  ],\n  {\n    "a": [\n      true,\n      null\n    ]\n  }\n]'),
        (r'{"a{[,:\"":"}]\\"}', '{\n  ' + r'"a{[,:\"": "}]\\"' + "\n}"),
        ('"é\\u0000"', '"é\\u0000"'),
        (" 12 ", "12"),
    ],
)  # fmt: skip
def test_json_is_indented_and_each_value_stays_as_it_was_written(text: str, shown: str) -> None:
    assert indented_json(text) == shown


@pytest.mark.parametrize("text", ["", "no", '{"a":1', "<html>", "{'a': 1}", "[" * 100_000])
def test_what_is_no_json_stays_as_it_is(text: str) -> None:
    assert indented_json(text) == text


def test_a_value_is_written_as_json() -> None:
    assert json_text({"name": "Zoë", "tags": []}) == '{\n  "name": "Zoë",\n  "tags": []\n}'


@pytest.mark.parametrize("text", ['{"a": "</code><script>alert(1)</script>"}', "<script>alert(1)</script>"])
def test_s35_code_is_text(text: str) -> None:
    for language in ("json", "python", "text"):
        assert "<script" not in coloured(text, language)
    assert "<script" not in coloured(text + " " * COLOURED_AT_MOST, "json")


def test_s35_a_copied_text_and_a_badge_are_text() -> None:
    template = Template(
        "{% load pages %}{% copyable text text %}{% badge 'good' 'check' text %}{% breadcrumb text text text %}"
        "{% json_block text label=text %}{% state 'x' text text text text %}"
    )

    html = template.render(Context({"text": '"><script>alert(1)</script>'}))

    assert "<script" not in html


def test_a_large_text_is_not_coloured() -> None:
    assert "<span" in coloured('{"a": 1}', "json")
    assert "<span" not in coloured('{"a": 1}' + " " * COLOURED_AT_MOST, "json")
