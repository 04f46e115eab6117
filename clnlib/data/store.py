"""Decoded images as one memory map: built once, resumable, the same bytes every time.

A store is a folder with `images.u8` (uint8 pixels, image after image) and `manifest.json`. While
it is built there are `images.u8.partial` (a row for every name) and `journal.jsonl` (first line:
what is being built; then one line for every image whose pixels are on the disk). The renaming of
the pixel file, last of all, is what finishes a store.
"""

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from clnlib import io
from clnlib.data.images import ImageError, MissingReaderError
from clnlib.errors import InputError, shortened

VERSION = 1
BATCH = 64  # images between two flushes to the disk: the most that a kill can cost

Facts = dict[str, Any]
Plan = dict[str, Any]  # names, options, size and version: the first line of the journal
Excluded = list[dict[str, str]]  # name and reason of each image that is left out
Read = Callable[[str], tuple[NDArray[np.uint8], Facts]]


class Content(NamedTuple):
    """What a store is to hold.

    Attributes
    ----------
    names
        Unique names of the images; they become the rows, in this order.
    size
        Side of the images in pixels.
    options
        JSON values that, with the names and the size, decide the pixels: the hash of the files
        or the options of the drawing.
    """

    names: Sequence[str]
    size: int
    options: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Store:
    """A finished store: `images`, a read-only uint8 map (N, S, S), and their N `names`."""

    folder: Path
    names: tuple[str, ...]
    images: NDArray[np.uint8]
    manifest: dict[str, Any]

    @cached_property
    def index(self) -> dict[str, int]:
        """Name to row."""
        return {name: row for row, name in enumerate(self.names)}

    @property
    def sha256(self) -> str:
        """SHA-256 of the pixel file, as written in the manifest when it was built."""
        return str(self.manifest["sha256"])


def open_store(folder: Path) -> Store:
    """Open a finished store.

    Raises
    ------
    InputError
        No store, an unfinished one, one of another version, or a damaged one.
    """
    if not _finished(folder):
        raise InputError(f"{folder}: no finished image store here; build it first")
    way_out = "delete the folder and build it again"
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        if (version := manifest["version"]) != VERSION:
            raise InputError(f"{folder}: version {version!r}, expected {VERSION}; {way_out}")
        if missing := {"excluded", "options", "sha256"}.difference(manifest):
            raise KeyError(*missing)
        names = tuple(entry["name"] for entry in manifest["images"])
        shape = (len(names), int(manifest["size"]), int(manifest["size"]))
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: manifest.json is damaged; {way_out}") from error
    pixels, length = folder / "images.u8", math.prod(shape)
    if (found := pixels.stat().st_size) != length:
        raise InputError(f"{folder}: images.u8 has {found} bytes, not {length}; {way_out}")
    return Store(folder, names, np.memmap(pixels, np.uint8, "r", shape=shape), manifest)


def build_store(
    folder: Path,
    content: Content,
    read: Read,
    exclude_unreadable: bool = False,
    workers: int | None = None,
) -> Store:
    """Decode images into a store, or go on where an earlier call was stopped, or just open it.

    Equal names, sources and options give equal bytes, however many workers or interruptions.

    Parameters
    ----------
    folder
        The folder of the store, another for every content.
    content
        Names, size and options of the images.
    read
        Called in threads: name to uint8 pixels (size, size) and JSON facts for the manifest; an
        `InputError` means that the image is unreadable.
    exclude_unreadable
        Leave unreadable images out and list them in the manifest, instead of raising.
    workers
        Threads; by default the number of processors, at most 16.

    Raises
    ------
    InputError
        Unreadable images (one error that lists them, after all were tried), no or repeated
        names, or a finished store of something else in the folder.
    """
    names, size, options = content
    if not names:
        raise InputError(f"{folder}: no images to store")
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{folder}: repeated image names: {shortened(repeated)}")
    plan = {"names": list(names), "options": dict(options), "size": size, "version": VERSION}
    plan = json.loads(_line(plan))  # so that it compares equal with what a file holds
    # Without the lock, because a finished store may lie in a folder that cannot be written.
    if not _finished(folder) or (folder / "journal.jsonl").exists():
        with io.alone(folder / "lock", "builds it"):
            if not _finished(folder):
                facts, excluded = _read_all(folder, plan, read, workers)
                if excluded and (not exclude_unreadable or not facts):
                    raise InputError(
                        f"{len(excluded)} of {len(names)} images cannot be read: "
                        f"{_listed(excluded)}; mend them (what was read is kept) "
                        "or leave them out with -p exclude_unreadable True"
                    )
                _finish(folder, plan, facts, excluded)
            for leftover in ("images.u8.partial", "images.u8.tmp", "journal.jsonl"):
                (folder / leftover).unlink(missing_ok=True)
    store = open_store(folder)
    _check_identity(store, plan, exclude_unreadable)
    return store


def _finished(folder: Path) -> bool:
    return (folder / "manifest.json").is_file() and (folder / "images.u8").is_file()


def _line(value: Any) -> bytes:
    """One line of canonical JSON."""
    return json.dumps(value, sort_keys=True).encode() + b"\n"


def _check_identity(store: Store, plan: Plan, exclude_unreadable: bool) -> None:
    """Refuse a finished store that holds something else than what was asked for."""
    held = {key: store.manifest[key] for key in ("size", "options")}
    asked = {key: plan[key] for key in held}
    left_out = store.manifest["excluded"]
    excluded = {entry["name"] for entry in left_out}
    if held != asked:
        problem = f"has {held}, asked for {asked}"
    elif differing := sorted({*store.names, *excluded} ^ set(plan["names"])):
        problem = f"has other images than asked for: {shortened(differing)}"
    elif list(store.names) != [name for name in plan["names"] if name not in excluded]:
        problem = "has the images in another order"
    elif excluded and not exclude_unreadable:
        problem = f"lacks {len(excluded)} unreadable images: {_listed(left_out)}"
        problem += "; accept that with -p exclude_unreadable True, or mend them"
    else:
        return
    raise InputError(f"{store.folder}: this store {problem}; delete the folder to build it again")


def _listed(excluded: Excluded) -> str:
    return shortened(f"{entry['name']} ({entry['reason']})" for entry in excluded)


def _read_all(
    folder: Path, plan: Plan, read: Read, workers: int | None
) -> tuple[dict[str, Facts], Excluded]:
    """Read what the journal does not hold yet; the facts of all, and who could not be read."""
    names, size = plan["names"], plan["size"]
    facts, excluded = _resumed(folder, plan), []

    def attempt(name: str) -> tuple[NDArray[np.uint8], Facts] | InputError:
        try:
            return read(name)
        except MissingReaderError:
            raise
        except InputError as error:
            return error

    rest = [(row, name) for row, name in enumerate(names) if name not in facts]
    with (
        open(folder / "images.u8.partial", "r+b") as pixels,
        open(folder / "journal.jsonl", "ab") as journal,
        tqdm(
            desc=f"images of {folder.name}", total=len(names), initial=len(facts), delay=1
        ) as progress,
        ThreadPoolExecutor(workers or min(os.cpu_count() or 1, 16)) as pool,
    ):
        for start in range(0, len(rest), BATCH):
            batch, lines = rest[start : start + BATCH], []
            results = pool.map(attempt, [name for _, name in batch])
            for (row, name), result in zip(batch, results, strict=True):
                progress.update()
                if isinstance(result, InputError):
                    # The manifest must not depend on where the images lie.
                    reason = result.reason if isinstance(result, ImageError) else str(result)
                    excluded.append({"name": name, "reason": reason})
                    continue
                image, facts[name] = result
                if image.shape != (size, size) or image.dtype != np.uint8:
                    raise ValueError(f"{name}: {image.dtype} {image.shape}, expected uint8 {size}")
                pixels.seek(row * size * size)
                pixels.write(image.tobytes())
                lines.append(_line({"name": name, "facts": facts[name]}))
            _sync(pixels)
            journal.writelines(lines)
            _sync(journal)
    return facts, excluded


def _resumed(folder: Path, plan: Plan) -> dict[str, Facts]:
    """The facts of the images an interrupted build has stored; else a fresh start."""
    partial, journal = folder / "images.u8.partial", folder / "journal.jsonl"
    length = len(plan["names"]) * plan["size"] ** 2
    if journal.exists() and partial.exists() and partial.stat().st_size == length:
        # What follows the last line end was torn by the kill.
        whole = journal.read_bytes().rpartition(b"\n")[0] + b"\n"
        header, *entries = whole.splitlines(keepends=True)
        if header == _line(plan):
            with suppress(ValueError):  # a power cut can damage more than the end
                facts = {entry["name"]: entry["facts"] for entry in map(json.loads, entries)}
                os.truncate(journal, len(whole))
                return facts
    # A pixel file without its manifest would look finished as soon as the new manifest is there.
    (folder / "images.u8").unlink(missing_ok=True)
    # The old journal goes first and the new one comes last: it vouches for the partial.
    _write(journal, [])
    _write(partial, [])
    os.truncate(partial, length)
    _write(journal, [_line(plan)])
    return {}


def _finish(folder: Path, plan: Plan, facts: dict[str, Facts], excluded: Excluded) -> None:
    """Write the manifest, then rename the pixels: a kill before that leaves the journal valid."""
    names, size, ready = plan["names"], plan["size"], folder / "images.u8.partial"
    if excluded:
        rows = np.memmap(ready, np.uint8, "r", shape=(len(names), size, size))
        ready = folder / "images.u8.tmp"
        _write(ready, (rows[row].tobytes() for row, name in enumerate(names) if name in facts))
    with open(ready, "rb") as pixels:
        digest = hashlib.file_digest(pixels, "sha256").hexdigest()
    manifest = {
        **{key: plan[key] for key in ("options", "size", "version")},
        "images": [{**facts[name], "name": name} for name in names if name in facts],
        "excluded": excluded,
        "sha256": digest,
    }
    temporary = folder / "manifest.json.tmp"
    _write(temporary, [json.dumps(manifest, sort_keys=True, indent=1).encode(), b"\n"])
    temporary.replace(folder / "manifest.json")
    ready.replace(folder / "images.u8")


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    with open(path, "wb") as file:
        file.writelines(chunks)
        _sync(file)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
