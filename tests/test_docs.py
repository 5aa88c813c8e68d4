"""What the documents say, held against what is there."""

import re
import runpy
import time
from pathlib import Path

import pytest

from deliveries.transport.signing import decode_secret, signature_header
from webhooks.snippets import snippets_at

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _python_blocks(document: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_in_python_are_python(document: Path) -> None:
    for block in _python_blocks(document):
        compile(block, str(document), "exec")


def test_every_run_time_package_has_its_reason_in_the_readme() -> None:
    packages = re.findall(r"^([A-Za-z_-]+)(?:\[\w+\])?==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    reasons = (ROOT / "README.md").read_text().partition("## Packages")[2]
    assert packages
    assert [package for package in packages if package not in reasons] == []


def test_every_decision_is_in_the_list_under_its_title() -> None:
    listed = (ROOT / "docs/decisions/README.md").read_text()
    records = sorted((ROOT / "docs/decisions").glob("0*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        title = record.read_text().splitlines()[0].removeprefix("# ")
        assert f"[{title}]({record.name})" in listed


def test_the_receivers_guide_shows_the_receivers_that_builders_copy() -> None:
    guide = (ROOT / "docs/receiving.md").read_text()
    for snippet in snippets_at():
        heading, _, rest = guide.partition(f"### {snippet.title}\n")[2].partition("\n\n")
        assert snippet.file_name in heading
        assert snippet.install in heading
        assert rest.startswith(f"```{snippet.language.lower()}\n{snippet.code}```\n"), f"copy {snippet.title} anew"


def test_the_verification_by_hand_in_the_receivers_guide_verifies_what_is_sent(tmp_path: Path) -> None:
    """S26: a receiver without a library verifies the exact bytes."""
    [example] = [block for block in _python_blocks(ROOT / "docs/receiving.md") if "def is_genuine" in block]
    (tmp_path / "example.py").write_text(example)
    is_genuine = runpy.run_path(str(tmp_path / "example.py"))["is_genuine"]
    body = '{"type":"order.paid","data":{"name":"Zoë"}}'.encode()
    now = int(time.time())
    keys = [decode_secret("whsec_" + "b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQt"), decode_secret(SECRET)]
    headers = {
        "webhook-id": "evt_01m84w1vmver3skjvqwnncx601",
        "webhook-timestamp": str(now),
        "webhook-signature": signature_header("evt_01m84w1vmver3skjvqwnncx601", now, body, keys),
    }
    assert is_genuine(SECRET, headers, body) is True
    assert is_genuine(SECRET, headers, body + b" ") is False
    assert is_genuine(SECRET, {**headers, "webhook-id": "evt_01m84w1vmver3skjvqwnncx602"}, body) is False
    assert is_genuine(SECRET, {**headers, "webhook-timestamp": str(now - 301)}, body) is False
    assert is_genuine("whsec_AAAA", headers, body) is False
