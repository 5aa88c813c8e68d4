"""How many requests a process can have in flight before the system refuses it another socket."""

import logging
import resource

logger = logging.getLogger(__name__)

# Besides connections: files, pipes, the database's and the broker's sockets.
_OTHER_FILES = 256


def affordable_slots(wanted: int) -> int:
    """As many as `wanted`, or as few as the limit of open files allows, which is raised as far as it may be.

    A slot may take two: the connection in use, and one that is kept.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            slots = max(1, (soft - _OTHER_FILES) // 2)
            logger.warning("Only %d requests can be in flight: a process may open %d files (ulimit -n).", slots, soft)
            return slots
    return wanted
