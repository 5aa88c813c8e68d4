"""JSON and code as people read them: indented, and coloured by classes (`tok-…` in static/css/code.css)."""

import json
import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

# Above this many characters the colours cost more than they tell (measured: 40 ms at 32 KiB of JSON).
COLOURED_AT_MOST = 32 * 1024
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_FORMATTER = HtmlFormatter(nowrap=True, classprefix="tok-")


def indented_json(text: str) -> str:
    """The JSON text with line ends and indents, every name, number and string exactly as it was.

    Text that is no JSON comes back as it is.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    tokens = _JSON_TOKEN.findall(text)
    parts: list[str] = []
    depth = 0
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if token in ("{", "["):
            parts.append(token)
            if following not in ("}", "]"):
                depth += 1
                parts.append(_line(depth))
        elif token in ("}", "]"):
            parts.append(token)
        else:
            parts.append({",": "," + _line(depth), ":": ": "}.get(token, token))
        if following in ("}", "]") and token not in ("{", "["):
            depth -= 1
            parts.append(_line(depth))
    return "".join(parts)


def _line(depth: int) -> str:
    return "\n" + "  " * depth


def json_text(value: object) -> str:
    """What is shown of a JSON value, or of text that may be JSON."""
    return indented_json(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def coloured(text: str, language: str) -> SafeString:
    """HTML of the text, escaped, with classes for Pygments' tokens. `language` is one of Pygments' names."""
    if len(text) > COLOURED_AT_MOST:
        return escape(text)
    html = highlight(text, get_lexer_by_name(language, stripnl=False, ensurenl=False), _FORMATTER)
    return mark_safe(html)  # noqa: S308 (Pygments escapes what it is given)
