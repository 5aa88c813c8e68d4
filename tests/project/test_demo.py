"""What `make run` keeps of its demo (switera_webhooks/run/demo.py)."""

from pathlib import Path

import pytest

from events.event_types import sync_event_catalog
from switera_webhooks.run.demo import ensure_demo


@pytest.mark.django_db
def test_it_is_kept_where_nothing_else_has_made_the_directory(tmp_path: Path) -> None:
    sync_event_catalog()
    kept = tmp_path / "var" / "demo.json"

    demo = ensure_demo(kept)

    assert kept.stat().st_mode & 0o777 == 0o600
    assert ensure_demo(kept) == demo
