"""Files that are written whole or not at all, hashed once, and changed by one process at a time."""

import errno
import functools
import hashlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from clnlib import paths
from clnlib.errors import InputError

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
RACE = 2.0  # seconds: a file changed so shortly before it was hashed may change again unnoticed


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk, or missing rights, into one error that names the file and the way out."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        moved = " (CLN_HOME moves stores and runs elsewhere)" * path.is_relative_to(paths.home())
        raise InputError(
            f"{path}: cannot be written: {error}; make room or mend the rights there{moved}, then "
            "type the same command again"
        ) from error


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a temporary file beside `path`, then rename it: all of it or nothing."""
    temporary = path.with_name(f".partial-{path.name}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, whole or not at all."""
    write_text(path, as_json(value))


def as_json(value: object) -> str:
    """A value as JSON with sorted keys, so that equal values are equal texts."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def digest(parts: Iterable[object]) -> str:
    """The sha256 of a sequence of texts, as hexadecimal text."""
    h = hashlib.sha256()
    for part in parts:
        h.update(f"{part}\n".encode())
    return h.hexdigest()


def content_sha256(files: Iterable[Path]) -> dict[Path, str]:
    """The sha256 of the content of each file; a file that has not changed is read only once.

    As git's index does, the hash of a file is remembered (in `stores/hashes.json`) by its path,
    its size and its times of change; where any of these differs the file is read again.

    Parameters
    ----------
    files
        Files that are there.

    Returns
    -------
    dict
        Each path as it was given, with 64 hexadecimal digits, or with the reason why it cannot be
        read.
    """
    index = paths.stores() / "hashes.json"
    known: dict[str, list[object]] = {}
    with suppress(OSError, ValueError):  # no index, or one that is damaged: hash again
        known = json.loads(index.read_text(encoding="utf-8"))
    stamps = {file: [(s := file.stat()).st_size, s.st_mtime_ns, s.st_ctime_ns] for file in files}
    names = {file: str(file.resolve()) for file in stamps}
    entries = {file: known.get(name, []) for file, name in names.items()}
    stale = [file for file, stamp in stamps.items() if entries[file][:3] != stamp]
    parts = [stale[k : k + 64] for k in range(0, len(stale), 64)]  # one by one costs the pool more
    with ThreadPoolExecutor() as pool:
        each = itertools.chain.from_iterable(pool.map(lambda part: [*map(_sha256, part)], parts))
        hashes = dict(zip(stale, each, strict=True))
    settled = (time.time() - RACE) * 1e9
    fresh = {
        names[file]: [*stamps[file], value]
        for file, value in hashes.items()
        if max(stamps[file][1:]) < settled
    }
    if fresh:
        with suppress(InputError):  # a home that cannot be written remembers nothing
            write_json(index, known | fresh)
    return {file: hashes.get(file) or str(entries[file][3]) for file in stamps}


def _sha256(file: Path) -> str:
    try:
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"


@contextmanager
def alone(file: Path, doing: str) -> Iterator[None]:
    """Hold a lock for the time of a `with` block; wait, and say so, while another process has it.

    Parameters
    ----------
    file
        The lock file; it is made where it is missing, and stays. A killed process holds no lock.
    doing
        What the other process is doing, for the message: "builds it".
    """
    from filelock import FileLock, Timeout

    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    # Not shared among threads either: each call waits for all others.
    lock = FileLock(file, is_singleton=False, fallback_to_soft=False)
    say = functools.partial(print, f"{file.parent}:", file=sys.stderr)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("waiting for another process that", doing)
        lock.acquire()
    except OSError as error:  # some cluster file systems have no locks
        say(f"{error.strerror}; only one process may be here")
    try:
        yield
    finally:
        lock.release()
