"""Decoded images as a single memory map: built once, resumable, the same bytes every time.

A store is a folder with `images.u8` (uint8 pixels, image after image) and `manifest.json`. While
it is built there are `images.u8.partial` (room for every image) and a journal (a line for every
image whose pixels are on the disk). The renaming of the pixel file, last of all, finishes a store.
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
from clnlib.data.images import MissingReaderError
from clnlib.errors import InputError, shortened

VERSION = 1
BATCH = 64  # images between two flushes to the disk: the most that a kill can cost

Facts = dict[str, Any]
Excluded = list[dict[str, str]]  # name and reason of each image that is left out
Read = Callable[[str], tuple[NDArray[np.uint8], Facts]]


class Content(NamedTuple):
    """The images that a store is to hold.

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
    """Open a finished store, to look at its images or to train on them.

    Raises
    ------
    InputError
        No store, an unfinished store, another version's, or a damaged store.

    See Also
    --------
    build_store : Builds it first, and has an example of both.
    """
    if not _finished(folder):
        raise InputError(f"{folder}: no finished image store here; build it first")
    problem = "manifest.json is damaged"
    with suppress(ValueError, KeyError, TypeError):
        manifest = json.loads((folder / "manifest.json").read_bytes())
        names = tuple(image["name"] for image in manifest["images"])
        shape = (len(names), manifest["size"], manifest["size"])
        bytes_there = (folder / "images.u8").stat().st_size
        if manifest["version"] != VERSION:
            problem = f"version {manifest['version']!r}, expected {VERSION}"
        elif bytes_there != math.prod(shape):
            problem = f"images.u8 has {bytes_there} bytes, not {math.prod(shape)}"
        elif {"excluded", "options", "sha256"} <= set(manifest):
            images = np.memmap(folder / "images.u8", np.uint8, "r", shape=shape)
            return Store(folder, names, images, manifest)
    raise InputError(f"{folder}: {problem}; delete the folder and build it again")


def build_store(
    folder: Path, content: Content, read: Read, exclude_unreadable: bool = False
) -> Store:
    """Decode images into a store, or go on where an earlier call was stopped, or just open it.

    Equal names, sizes and options give equal bytes, whatever the number of threads and
    interruptions.

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

    Returns
    -------
    Pixels (N, size, size) uint8, a memory map of the file, and their names.

    Raises
    ------
    InputError
        Unreadable images (listed, after all were tried), no or repeated names, or a finished store
        of something else in the folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> def read(name):
    ...     return np.full((4, 4), int(name), np.uint8), {"file": f"{name}.png"}
    >>> with TemporaryDirectory() as folder:
    ...     built = build_store(Path(folder), Content(["7", "9"], 4, {}), read)
    ...     store = open_store(Path(folder))  # the same
    ...     store.images[store.index["9"], 0]
    memmap([9, 9, 9, 9], dtype=uint8)
    """
    names, size, options = content
    if not names:
        raise InputError(f"{folder}: no images to store")
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{folder}: repeated image names: {shortened(repeated)}")
    # As JSON, so that it compares equal with a store's manifest.
    content = Content(list(names), size, json.loads(json.dumps(dict(options))))
    # Without the lock, because a finished store may lie in a folder that cannot be written.
    if not _finished(folder) or list(folder.glob("journal*")):
        with io.alone(folder / "lock", "builds it"), io.writing(folder):
            if not _finished(folder):
                facts, excluded = _read_all(folder, content, read)
                if excluded and not (exclude_unreadable and facts):
                    raise InputError(
                        f"{len(excluded)} of {len(names)} images cannot be read: "
                        f"{_listed(excluded)}; mend them (what was read is kept) "
                        "or leave them out with -p exclude_unreadable True"
                    )
                _finish(folder, content, facts, excluded)
            for leftover in (*folder.glob("images.u8.*"), *folder.glob("journal*")):
                leftover.unlink()
    store = open_store(folder)
    _check(store, content, exclude_unreadable)
    return store


def _finished(folder: Path) -> bool:
    return (folder / "manifest.json").is_file() and (folder / "images.u8").is_file()


def _check(store: Store, content: Content, exclude_unreadable: bool) -> None:
    """Refuse a finished store of other content, or without images that must be in it."""
    left_out = store.manifest["excluded"]
    excluded = {image["name"] for image in left_out}
    names = [name for name in content.names if name not in excluded]
    held = Content(list(store.names), store.manifest["size"], store.manifest["options"])
    if held != content._replace(names=names) or not excluded <= set(content.names):
        problem = "holds other images than asked for, or of another size or other options"
    elif excluded and not exclude_unreadable:
        problem = f"lacks {len(excluded)} unreadable images: {_listed(left_out)}"
        problem += "; accept that with -p exclude_unreadable True, or mend them"
    else:
        return
    raise InputError(f"{store.folder}: this store {problem}; delete the folder to build it again")


def _listed(excluded: Excluded) -> str:
    return shortened(f"{image['name']} ({image['reason']})" for image in excluded)


def _read_all(folder: Path, content: Content, read: Read) -> tuple[dict[str, Facts], Excluded]:
    """Read the images that the journal does not hold yet; facts of all, and the unreadable."""
    names, size, _ = content
    journal, facts = _begun(folder, content)
    rest = [row for row, name in enumerate(names) if name not in facts]
    excluded: Excluded = []

    def attempt(row: int) -> tuple[NDArray[np.uint8], Facts] | str:
        try:
            return read(names[row])
        except MissingReaderError:
            raise
        except InputError as error:
            # An image's reason names no folder: the manifest must not depend on it.
            return str(getattr(error, "reason", error))

    with (
        open(folder / "images.u8.partial", "r+b") as pixels,
        open(journal, "ab") as noted,
        ThreadPoolExecutor() as pool,
        tqdm(
            desc=f"images of {folder.name}", total=len(names), initial=len(facts), delay=1
        ) as progress,
    ):
        for start in range(0, len(rest), BATCH):
            batch, lines = rest[start : start + BATCH], []
            for row, result in zip(batch, pool.map(attempt, batch), strict=True):
                name = names[row]
                progress.update()
                if isinstance(result, str):
                    excluded.append({"name": name, "reason": result})
                    continue
                image, facts[name] = result
                if image.shape != (size, size) or image.dtype != np.uint8:
                    raise ValueError(f"{name}: {image.dtype} {image.shape}, expected uint8 {size}")
                pixels.seek(row * size * size)
                pixels.write(image.tobytes())
                lines.append(b"\n" + json.dumps({"name": name, "facts": facts[name]}).encode())
            _sync(pixels)
            noted.writelines(lines)
            _sync(noted)
    return facts, excluded


def _begun(folder: Path, content: Content) -> tuple[Path, dict[str, Facts]]:
    """The journal of this content, and the facts that an interrupted build has written there."""
    partial, length = folder / "images.u8.partial", len(content.names) * content.size**2
    journal = folder / f"journal-{io.digest([VERSION, io.as_json(content)])[:16]}.jsonl"
    facts: dict[str, Facts] = {}
    if journal.exists() and partial.exists() and partial.stat().st_size == length:
        for line in journal.read_bytes().splitlines():
            with suppress(ValueError):  # torn by a kill: this image is read again
                entry = json.loads(line)
                facts[entry["name"]] = entry["facts"]
    else:
        # A pixel file without its manifest would look finished as soon as the new manifest is
        # there, and a journal vouches for the pixels of the partial file.
        for old in (folder / "images.u8", *folder.glob("journal*")):
            old.unlink(missing_ok=True)
        _write(partial, [])
        os.truncate(partial, length)
    return journal, facts


def _finish(folder: Path, content: Content, facts: dict[str, Facts], excluded: Excluded) -> None:
    """Write the manifest, then rename the pixels: a kill before that leaves the journal valid."""
    names, size, options = content
    ready = folder / "images.u8.partial"
    if excluded:
        rows = np.memmap(ready, np.uint8, "r", shape=(len(names), size, size))
        ready = folder / "images.u8.tmp"
        _write(ready, (rows[row].tobytes() for row, name in enumerate(names) if name in facts))
    with open(ready, "rb") as pixels:
        digest = hashlib.file_digest(pixels, "sha256").hexdigest()
    manifest = {
        "options": options,
        "size": size,
        "version": VERSION,
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
