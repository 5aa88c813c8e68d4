"""Receivers that verify, one for each language, for a Builder to copy: the files of this folder.

Each runs as it stands. docs/receiving.md shows the same texts, and tests/deliveries/engine/test_snippets.py starts them
and delivers to them.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from webhooks.models import Endpoint

_FOLDER = Path(__file__).parent
# Where the receivers of the files listen, as it stands in each of them.
_PATH = "/webhooks/switera"
# A path that every router takes as it stands: no pattern of Express or FastAPI, nothing that Go would redirect.
_PLAIN_PATH = re.compile(r"/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*)?")


@dataclass(frozen=True)
class Snippet:
    """A complete receiver. It reads the secret from SWITERA_WEBHOOK_SECRET; the secret is not in it.

    `language` is Pygments' name as well (in lower case), `framework` may be empty, `install` is one command or empty.
    """

    language: str
    framework: str
    title: str
    file_name: str
    install: str
    code: str


@dataclass(frozen=True)
class _Kept:
    """A snippet as this folder keeps it."""

    language: str
    framework: str
    title: str
    file: str
    install: str


_KEPT = (
    _Kept("Python", "Django", "Python (Django)", "python_django.py", "pip install standardwebhooks"),
    _Kept("Python", "FastAPI", "Python (FastAPI)", "python_fastapi.py", "pip install standardwebhooks fastapi uvicorn"),
    _Kept("JavaScript", "Express", "Node (Express)", "javascript_express.mjs", "npm install standardwebhooks express"),
    _Kept("Go", "", "Go", "go_net_http.go", ""),
    _Kept("Ruby", "Sinatra", "Ruby (Sinatra)", "ruby_sinatra.rb", "gem install sinatra rackup puma"),
    _Kept("PHP", "", "PHP", "php.php", ""),
)


def verification_snippets(endpoint: Endpoint) -> tuple[Snippet, ...]:
    """A receiver for this endpoint in each language, listening at the path of its URL.

    A path with characters that mean something to a router (`:`, `*`, `%`) is left to the reader: the receiver then
    listens at /webhooks/switera.
    """
    path = urlsplit(endpoint.url).path or "/"
    return snippets_at(path if _PLAIN_PATH.fullmatch(path) else _PATH)


def snippets_at(path: str = _PATH) -> tuple[Snippet, ...]:
    """The receivers at a plain path, which begins with a slash."""
    return tuple(
        Snippet(
            kept.language,
            kept.framework,
            kept.title,
            f"switera_webhook{Path(kept.file).suffix}",
            kept.install,
            # Without the slash: Django's routes have none at the beginning.
            _text(kept.file).replace(_PATH[1:], path[1:]),
        )
        for kept in _KEPT
    )


@cache
def _text(file: str) -> str:
    return (_FOLDER / file).read_text()
