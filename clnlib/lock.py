"""One process at a time where two would spoil one another's work."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(file: Path, doing: str) -> Iterator[None]:
    """Hold the lock `file`; say so and wait where another process holds it.

    Parameters
    ----------
    file
        Made where it is missing; it stays. A killed process holds no lock any more.
    doing
        What the other process is doing, for the message: "builds it".
    """
    from filelock import FileLock, Timeout

    file.parent.mkdir(parents=True, exist_ok=True)
    # Not shared among threads either: each call waits for all others.
    lock = FileLock(file, is_singleton=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"{file.parent}: waiting for another process that {doing}", file=sys.stderr)
        lock.acquire()
    except OSError as error:  # some cluster file systems have no locks
        print(f"{file.parent}: {error.strerror}; only one process may be here", file=sys.stderr)
    try:
        yield
    finally:
        lock.release()
