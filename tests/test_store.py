"""A store is the same bytes however it was built, and never half a store."""

import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clnlib.data import store as store_module
from clnlib.data.images import ImageError, MissingReaderError
from clnlib.data.store import Content, build_store, open_store
from clnlib.errors import InputError

SIZE = 8
NAMES = [f"{number:03}.png" for number in range(150)]
OPTIONS = {"resample": "lanczos"}


def pixels_of(name: str) -> np.ndarray:
    return np.full((SIZE, SIZE), int(name[:3]), np.uint8)


def read(name: str):
    return pixels_of(name), {"file": name, "bytes": int(name[:3])}


def reader_that_fails(*bad: str, error=lambda name: ImageError(Path("/private") / name, "torn")):
    def failing(name: str):
        if name in bad:
            raise error(name)
        return read(name)

    return failing


def content(folder: Path) -> dict[str, bytes]:
    """All files but the lock."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def build(folder: Path, names=NAMES, read=read, options=OPTIONS, **others):
    return build_store(folder, Content(names, SIZE, options), read, **others)


class KilledError(BaseException):
    """Stands for a kill: nothing may catch it."""


def test_build(tmp_path):
    """Rows, names, index and manifest agree with the images that were read."""
    store = build(tmp_path / "s")
    assert store.names == tuple(NAMES)
    assert store.images.shape == (150, SIZE, SIZE)
    assert store.images.dtype == np.uint8
    assert isinstance(store.images, np.memmap)
    for name in NAMES:
        np.testing.assert_array_equal(store.images[store.index[name]], pixels_of(name))
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    assert manifest == store.manifest
    assert manifest["images"][3] == {"name": "003.png", "file": "003.png", "bytes": 3}
    assert {key: manifest[key] for key in ("version", "size", "options", "excluded")} == {
        "version": 1,
        "size": SIZE,
        "options": OPTIONS,
        "excluded": [],
    }
    pixel_file = (tmp_path / "s" / "images.u8").read_bytes()
    assert store.sha256 == hashlib.sha256(pixel_file).hexdigest()
    assert set(content(tmp_path / "s")) == {"images.u8", "manifest.json"}


def test_images_are_read_only(tmp_path):
    """Nobody can change a store by accident."""
    store = build(tmp_path / "s")
    with pytest.raises(ValueError, match="read-only"):
        store.images[0] = 0


def test_threads_do_not_matter(tmp_path, monkeypatch):
    """A single thread and four give the same bytes of both files."""

    def jittery(name: str):
        time.sleep(int(name[:3]) % 7 / 5000)
        return read(name)

    for threads in (1, 4):
        pool = partial(ThreadPoolExecutor, threads)
        monkeypatch.setattr(store_module, "ThreadPoolExecutor", pool)
        build(tmp_path / str(threads), read=jittery)
    assert content(tmp_path / "1") == content(tmp_path / "4")


def test_finished_is_opened(tmp_path):
    """A finished store is opened without reading an image, also where nothing can be written."""
    folder = tmp_path / "s"
    build(folder)
    (folder / "lock").unlink()
    store = build(folder, read=reader_that_fails(*NAMES))
    assert store.names == tuple(NAMES)
    assert not (folder / "lock").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"resample": "none"}},
        {"names": NAMES[:-1]},
        {"names": [*NAMES, "150.png"]},
        {"names": NAMES[::-1]},
    ],
)
def test_other_identity_is_refused(tmp_path, change):
    """A finished store of something else is neither used nor overwritten."""
    build(tmp_path / "s")
    before = content(tmp_path / "s")
    with pytest.raises(InputError, match=r"holds other images .*delete the folder"):
        build(tmp_path / "s", **change)
    assert content(tmp_path / "s") == before


def test_names_are_checked(tmp_path):
    """No names and repeated names are refused before anything is read."""
    with pytest.raises(InputError, match="no images"):
        build(tmp_path / "s", names=[])
    with pytest.raises(InputError, match=r"repeated image names: 001\.png$"):
        build(tmp_path / "s", names=["001.png", "002.png", "001.png"])


@pytest.mark.parametrize("stop", [0, 1, 63, 64, 100, 149])
def test_interrupted_build_resumes(tmp_path, monkeypatch, stop):
    """Whatever a reader raises besides `InputError` passes, and finished batches are kept."""
    monkeypatch.setattr(store_module, "BATCH", 16)
    whole = reader_that_fails(NAMES[stop], error=lambda name: KilledError())
    with pytest.raises(KilledError):
        build(tmp_path / "s", read=whole)
    again = []

    def logged(name: str):
        again.append(name)
        return read(name)

    build(tmp_path / "s", read=logged)
    assert sorted(again) == NAMES[stop // 16 * 16 :]
    build(tmp_path / "clean")
    assert content(tmp_path / "s") == content(tmp_path / "clean")


@pytest.mark.parametrize("excluded", [(), ("007.png",)])
@pytest.mark.parametrize("step", range(10))
def test_kill_before_any_step(tmp_path, monkeypatch, step, excluded):
    """A kill before any file operation loses no image that was read, and the end is the same."""
    folder, some = tmp_path / "s", NAMES[:20]
    steps = iter(range(100))

    def counted(operation):
        def run(*args, **kwargs):
            if next(steps) == step:
                raise KilledError
            return operation(*args, **kwargs)

        return run

    last = 7 if excluded else 5
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        patch.setattr(store_module, "_write", counted(store_module._write))
        with pytest.raises(KilledError) if step <= last else nullcontext():
            build(folder, some, reader_that_fails(*excluded), exclude_unreadable=True)
    # Two steps make a fresh start; after them every image was read, and must not be again.
    unwanted = excluded if step < 2 else some
    build(folder, some, reader_that_fails(*unwanted), exclude_unreadable=True)
    build(tmp_path / "clean", some, reader_that_fails(*excluded), exclude_unreadable=True)
    assert content(folder) == content(tmp_path / "clean")


def journal_of(folder: Path) -> Path:
    """The journal of a build that was stopped."""
    (journal,) = folder.glob("journal-*.jsonl")
    return journal


def entries(journal: Path) -> int:
    """The number of whole entries of a journal."""
    return len(re.findall(rb'"name": "\d+\.png", "facts": {[^}]*}}', journal.read_bytes()))


def half_built(folder: Path, names=NAMES, options=OPTIONS) -> None:
    """A build stopped by a kill after its first batch of 64."""
    stopped = reader_that_fails(names[100], error=lambda name: KilledError())
    with pytest.raises(KilledError):
        build(folder, names, stopped, options)


@settings(max_examples=30)
@given(st.data())
def test_torn_journal(tmp_path_factory, data):
    """A journal cut at any byte costs the images after the cut, also where the build goes on."""
    folder = tmp_path_factory.mktemp("torn")
    half_built(folder / "s")
    journal = journal_of(folder / "s")
    length = data.draw(st.integers(0, journal.stat().st_size))
    os.truncate(journal, length)
    whole = entries(journal)
    with pytest.raises(KilledError):
        build(folder / "s", read=reader_that_fails(NAMES[-1], error=lambda name: KilledError()))
    whole += (len(NAMES) - whole - 1) // store_module.BATCH * store_module.BATCH
    again = []

    def logged(name: str):
        again.append(name)
        return read(name)

    build(folder / "s", read=logged)
    assert sorted(again) == NAMES[whole:]
    assert content(folder / "s")["images.u8"] == b"".join(
        pixels_of(name).tobytes() for name in NAMES
    )
    assert set(content(folder / "s")) == {"images.u8", "manifest.json"}


def test_damaged_journal(tmp_path):
    """A damaged line in the middle of a journal is not trusted: its image is read again."""
    half_built(tmp_path / "s")
    journal = journal_of(tmp_path / "s")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:9], b"\0\0\n", *lines[10:]]))
    again = []

    def logged(name: str):
        again.append(name)
        return read(name)

    build(tmp_path / "s", read=logged)
    assert sorted(again) == [NAMES[8], *NAMES[64:]]
    build(tmp_path / "clean")
    assert content(tmp_path / "s") == content(tmp_path / "clean")


@pytest.mark.parametrize(
    "change", [{"options": {"resample": "none"}}, {"names": NAMES[:120]}, {"names": NAMES[::-1]}]
)
def test_unfinished_of_another_identity_is_discarded(tmp_path, change):
    """Rows of a build with other options or names never get into a store."""
    half_built(tmp_path / "s")

    def brighter(name: str):
        return pixels_of(name) + np.uint8(100), {}

    store = build(tmp_path / "s", read=brighter, **change)
    assert store.images[:, 0, 0].tolist() == [int(name[:3]) + 100 for name in store.names]


def test_unreadable_are_listed(tmp_path):
    """All images are tried, an error lists up to ten, and those that were read are kept."""
    bad = NAMES[10:22]
    with pytest.raises(InputError) as caught:
        build(tmp_path / "s", read=reader_that_fails(*bad))
    message = str(caught.value)
    assert message.startswith("12 of 150 images cannot be read: 010.png (torn), 011.png (torn)")
    assert "019.png (torn) and 2 more" in message
    assert "-p exclude_unreadable True" in message
    with pytest.raises(InputError, match="no finished image store"):
        open_store(tmp_path / "s")
    store = build(tmp_path / "s", read=reader_that_fails(*set(NAMES).difference(bad)))
    assert store.names == tuple(NAMES)


def test_exclude_unreadable(tmp_path):
    """Left-out images are in the manifest with their reasons, and nowhere else."""
    bad = ["000.png", "077.png", "149.png"]
    store = build(tmp_path / "s", read=reader_that_fails(*bad), exclude_unreadable=True)
    kept = [name for name in NAMES if name not in bad]
    assert store.names == tuple(kept)
    assert store.images[:, 3, 3].tolist() == [int(name[:3]) for name in kept]
    assert store.manifest["excluded"] == [{"name": name, "reason": "torn"} for name in bad]
    assert b"/private" not in (tmp_path / "s" / "manifest.json").read_bytes()
    assert build(tmp_path / "s", exclude_unreadable=True).names == tuple(kept)
    with pytest.raises(InputError, match=r"lacks 3 unreadable images: 000\.png \(torn\)"):
        build(tmp_path / "s")


def test_nothing_readable(tmp_path):
    """An empty store is an error even when exclusion is allowed."""
    with pytest.raises(InputError, match="150 of 150 images cannot be read"):
        build(tmp_path / "s", read=reader_that_fails(*NAMES), exclude_unreadable=True)


def test_missing_reader_is_not_excluded(tmp_path):
    """A package that is not installed stops the build: it says nothing about the images."""
    failing = reader_that_fails("003.png", error=lambda name: MissingReaderError("pip install"))
    with pytest.raises(MissingReaderError):
        build(tmp_path / "s", read=failing, exclude_unreadable=True)


def test_wrong_pixels_are_refused(tmp_path):
    """A reader that returns another shape or type is a fault, not a stretched row."""
    with pytest.raises(ValueError, match="expected uint8"):
        build(tmp_path / "s", read=lambda name: (np.zeros((1, SIZE), np.uint8), {}))
    with pytest.raises(ValueError, match="expected uint8"):
        build(tmp_path / "s", read=lambda name: (np.zeros((SIZE, SIZE)), {}))


def damaged(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "no finished image store here"),
        (lambda folder: (folder / "images.u8").unlink(), "no finished image store here"),
        (lambda folder: os.truncate(folder / "images.u8", 9), "has 9 bytes, not 9600; delete"),
        (lambda folder: damaged(folder, version=2), "version 2, expected 1; delete"),
        (lambda folder: damaged(folder, images=3), "manifest.json is damaged; delete"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "is damaged; delete"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "is damaged; delete"),
        (lambda folder: (folder / "manifest.json").write_text('{"version": 1}'), "is damaged"),
    ],
)
def test_open_refuses_damage(tmp_path, damage, message):
    """A store that is not whole is named and the way out given."""
    build(tmp_path / "s")
    damage(tmp_path / "s")
    with pytest.raises(InputError, match=message):
        open_store(tmp_path / "s")


def test_lost_manifest_is_rebuilt(tmp_path):
    """Pixels without a manifest are not trusted."""
    build(tmp_path / "s")
    before = content(tmp_path / "s")
    (tmp_path / "s" / "manifest.json").unlink()
    (tmp_path / "s" / "images.u8").write_bytes(b"x" * 9600)
    build(tmp_path / "s")
    assert content(tmp_path / "s") == before


def test_threads_wait_for_the_lock(tmp_path, capsys):
    """Two builds of a store at once: the first builds, the other waits, says so and opens."""
    reads, inside = [], threading.Event()

    def slow(name: str):
        reads.append(name)
        inside.set()
        time.sleep(0.002)
        return read(name)

    other = threading.Thread(target=build, args=(tmp_path / "s", NAMES, slow))
    other.start()
    assert inside.wait(60)
    store = build(tmp_path / "s", NAMES, slow)
    other.join()
    assert sorted(reads) == NAMES
    assert store.images[:, 0, 0].tolist() == list(range(150))
    if sys.platform != "win32":
        assert "waiting for another process" in capsys.readouterr().err


def test_quick_builds_are_silent(tmp_path, capsys):
    """An executed notebook holds no progress bar of a build that takes a moment."""
    build(tmp_path / "s")
    assert capsys.readouterr() == ("", "")


KILLED = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from clnlib.data import store

    store.BATCH = 8

    def read(name):
        time.sleep(0.01)
        with open(sys.argv[2], "a") as log:
            log.write(name + "\\n")
        return np.full((8, 8), int(name[:3]), np.uint8), {"file": name, "bytes": int(name[:3])}

    names = [f"{number:03}.png" for number in range(150)]
    store.build_store(Path(sys.argv[1]), store.Content(names, 8, {"resample": "lanczos"}), read)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_sigkill(tmp_path):
    """After SIGKILL the rest is read, twice at most a batch of it; the bytes are the same."""
    log, folder = tmp_path / "log", tmp_path / "s"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), str(log)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (log.exists() and log.stat().st_size > 50 * 8):
        time.sleep(0.005)
    process.kill()
    process.wait()
    first = log.read_text().split()
    kept = entries(journal_of(folder))
    assert 40 <= kept <= len(first) < 150
    subprocess.run(command, check=True)
    second = log.read_text().split()[len(first) :]
    assert sorted(second) == NAMES[kept:]
    build(tmp_path / "clean")
    assert content(folder) == content(tmp_path / "clean")
