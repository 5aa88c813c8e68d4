"""Why a destination is refused. Both name the field, so that REST, pages and commands show them beside it."""

from collections.abc import Mapping
from enum import StrEnum

from switera_webhooks.refusals import InvalidInput


class UrlProblem(StrEnum):
    """What is wrong with an endpoint's URL."""

    MALFORMED = "url_malformed"
    TOO_LONG = "url_too_long"
    SCHEME = "url_scheme"
    CHARACTERS = "url_characters"
    USERINFO = "url_userinfo"
    FRAGMENT = "url_fragment"
    HOST = "url_host"
    LOCAL_NAME = "url_local_name"
    OWN_HOST = "url_own_host"
    PORT = "url_port"
    ADDRESS = "url_address"


class UrlRefused(InvalidInput):
    """The URL is no acceptable destination: not now, or, when sending, not any more."""

    def __init__(self, problem: UrlProblem, message: str) -> None:
        super().__init__(message, code=problem.value, details={"url": [message]})


class CustomHeadersRefused(InvalidInput):
    """`problems` maps a header's name to one sentence; `*` stands for all of them together."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(
            "A custom header is not acceptable.",
            code="invalid_headers",
            details={"headers": {name: [sentence] for name, sentence in problems.items()}},
        )
        self.problems = dict(problems)
