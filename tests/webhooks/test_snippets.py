"""Which receivers a Builder is given, and what is in them."""

import pytest

from webhooks.models import Endpoint
from webhooks.snippets import Snippet, verification_snippets


def snippets_for(url: str) -> tuple[Snippet, ...]:
    return verification_snippets(Endpoint(url=url))


def test_there_is_a_complete_receiver_for_each_language() -> None:
    snippets = snippets_for("https://hooks.example.com/orders")

    assert [(snippet.title, snippet.language, snippet.file_name, snippet.install) for snippet in snippets] == [
        ("Python (Django)", "Python", "switera_webhook.py", "pip install standardwebhooks"),
        ("Python (FastAPI)", "Python", "switera_webhook.py", "pip install standardwebhooks fastapi uvicorn"),
        ("Node (Express)", "JavaScript", "switera_webhook.mjs", "npm install standardwebhooks express"),
        ("Go", "Go", "switera_webhook.go", ""),
        ("Ruby (Sinatra)", "Ruby", "switera_webhook.rb", "gem install sinatra rackup puma"),
        ("PHP", "PHP", "switera_webhook.php", ""),
    ]
    for snippet in snippets:
        assert "SWITERA_WEBHOOK_SECRET" in snippet.code
        assert "do nothing if you have seen this webhook-id before" in snippet.code
        assert max(len(line) for line in snippet.code.splitlines()) <= 120


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://hooks.example.com/orders", "orders"),
        ("https://hooks.example.com/a-b/c_d.v2/~e/?token=1", "a-b/c_d.v2/~e/"),
        ("https://hooks.example.com", ""),
        ("https://hooks.example.com/?a=b", ""),
        # What a router would read as a pattern, escape, or tidy away.
        ("https://hooks.example.com/a:b", "webhooks/switera"),
        ("https://hooks.example.com/a/*", "webhooks/switera"),
        ("https://hooks.example.com/%7Bid%7D", "webhooks/switera"),
        ("https://hooks.example.com/a'b", "webhooks/switera"),
        ("https://hooks.example.com//a", "webhooks/switera"),
        ("https://hooks.example.com/a/../b", "webhooks/switera"),
    ],
)
def test_a_receiver_listens_at_the_path_of_its_endpoint(url: str, path: str) -> None:
    django, fastapi, express, go, ruby, php = [snippet.code for snippet in snippets_for(url)]

    assert f'path("{path}", receive)' in django
    assert f'@app.post("/{path}", status_code=204)' in fastapi
    assert f'app.post("/{path}", express.raw(' in express
    assert f'http.HandleFunc("/{path}", ' in go
    assert f'post "/{path}" do' in ruby
    assert f"!== '/{path}')" in php
