"""REST as a customer's program uses it."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import requests  # noqa: TID251 (a client of the product, not a part of it)

from benchmarks.stack import HOST

TIMEOUT_SECONDS = 30.0
PAGE = 250


class Client:
    """One app's API, with one of its keys; a context manager. Raises requests.HTTPError for a refusal."""

    def __init__(self, api: str, app_id: str, key: str) -> None:
        self._base = f"{api}/apps/{app_id}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"Host": HOST, "Authorization": f"Bearer {key}"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._session.close()

    def post(self, route: str, body: object) -> Any:
        response = self._session.post(f"{self._base}/{route}", json=body, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        return response.json()

    def items(self, route: str) -> Iterator[dict[str, Any]]:
        """Everything in a list, page by page."""
        cursor: dict[str, str] = {}
        while True:
            response = self._session.get(
                f"{self._base}/{route}", params={"limit": str(PAGE), **cursor}, timeout=TIMEOUT_SECONDS
            )
            response.raise_for_status()
            page = response.json()
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}
