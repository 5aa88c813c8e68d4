"""The limit of open files is raised as far as it may be, and respected where that is not enough."""

import subprocess
import sys

import pytest

_ASK = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from deliveries.transport.open_files import affordable_slots
print(affordable_slots(1024), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "slots", "raised", "told"),
    [(256, 4_096, 1_024, 2_304, False), (4_096, 4_096, 1_024, 4_096, False), (256, 1_024, 384, 1_024, True)],
)
def test_so_many_requests_as_files_may_be_opened(soft: int, hard: int, slots: int, raised: int, told: bool) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", _ASK.format(soft=soft, hard=hard)], capture_output=True, text=True, check=True
    )
    assert asked.stdout.split() == [str(slots), str(raised)]
    assert ("Only 384 requests can be in flight" in asked.stderr) is told
