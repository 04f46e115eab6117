"""The download of NIH's archives, against a local server that fails in every way servers do."""

import errno
import hashlib
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from clnlib.data import download, nih
from clnlib.errors import InputError

IMAGES = {f"0000000{k}_000.png": np.random.default_rng(k).bytes(40_000) for k in range(1, 5)}


def packed(members: dict[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """An archive as NIH's: gzipped, its members in the folder images/."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(content), kind, link
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


WHOLE = packed({f"images/{name}": content for name, content in IMAGES.items()})


class Server(ThreadingHTTPServer):
    """Answers each request by the next of its behaviours, the last one for ever."""

    def __init__(self, content: bytes, *behaviours: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.behaviours, self.ranges = content, list(behaviours), []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server_port}/images_001.tar.gz"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        server, content = self.server, self.server.content
        behaviour = server.behaviours.pop(0) if len(server.behaviours) > 1 else server.behaviours[0]
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        start = int(re.search(r"\d+", asked)[0]) if asked else 0
        if behaviour.isdigit():
            self.send_error(int(behaviour))
            return
        if behaviour == "redirect":
            self.send_response(302)
            self.send_header("Location", server.address)
            self.end_headers()
            return
        if behaviour == "no ranges":
            start = 0
        if behaviour == "other bytes":
            content = bytes(len(content))
        if behaviour == "longer":
            content += b"more"
        if behaviour == "busy":
            content, start = b"<html>busy</html>", 0
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        length = 10**9 if behaviour == "wrong length" else len(body)
        if behaviour != "longer":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if behaviour == "stall":
            self.wfile.write(body[:1000])
            self.wfile.flush()
            threading.Event().wait(2)
        else:
            self.wfile.write(body[: len(body) // 2] if behaviour == "short" else body)
        self.close_connection = True


@pytest.fixture
def nih_folder(tmp_path, monkeypatch) -> Iterator[object]:
    """An empty CLN_NIH_DIR, and a client that hardly waits before it tries again."""
    monkeypatch.setenv("CLN_NIH_DIR", str(tmp_path / "nih"))
    monkeypatch.setattr(download, "WAIT", 0.001)
    (tmp_path / "nih").mkdir()
    return tmp_path / "nih"


def fetch(
    folder, *behaviours: str, content: bytes = WHOLE, expected: bytes | None = None
) -> Server:
    """Download `images_001` from a server of these behaviours."""
    expected = content if expected is None else expected
    server = Server(content, *behaviours)
    table = folder.parent / "addresses.csv"
    md5 = hashlib.md5(expected).hexdigest()
    table.write_text(
        f"archive,address,bytes,md5\nimages_001,{server.address},{len(expected)},{md5}\n"
    )
    try:
        download.download(["images_001"], table)
    finally:
        server.shutdown()
        server.server_close()
    return server


def unpacked(folder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "images_001").iterdir()}


@pytest.mark.parametrize(
    "behaviours",
    [
        ("good",),
        ("short", "good"),
        ("short", "short", "short", "good"),
        ("wrong length", "good"),
        ("503", "503", "good"),
        ("redirect", "good"),
        ("short", "no ranges"),
        ("short", "other bytes", "good"),
        ("other bytes", "good"),
        ("longer", "good"),
        ("short", "416", "good"),
        ("429", "good"),
        ("stall", "good"),
    ],
    ids="-".join,
)
def test_what_servers_do(nih_folder, behaviours, monkeypatch):
    """Whatever a server does before it behaves, in the end all images are there, byte by byte."""
    if "stall" in behaviours:  # elsewhere a busy machine is no stall
        monkeypatch.setattr(download, "STALL", 0.5)
    fetch(nih_folder, *behaviours)
    assert unpacked(nih_folder) == IMAGES
    assert not list(nih_folder.glob("*.gz*"))
    found = nih.find_images(nih_folder)
    assert [path.name for path in found.values()] == sorted(IMAGES)


def test_what_is_there_is_not_asked_for_again(nih_folder):
    """After broken answers only the rest is fetched; of a finished archive nothing."""
    server = fetch(nih_folder, "short", "busy", "503", "good")
    first, *others = server.ranges
    assert first is None and others == [f"bytes={download.CHUNK}-"] * 3
    assert fetch(nih_folder, "500").ranges == []


def test_what_a_kill_leaves_is_used(nih_folder):
    """Bytes that an earlier process left are kept, and half-unpacked images are no images."""
    (nih_folder / "images_001.tar.gz.partial").write_bytes(WHOLE[:70_000])
    (nih_folder / ".partial-images_001").mkdir()
    (nih_folder / ".partial-images_001" / "00000001_000.png").write_bytes(b"half")
    with pytest.raises(InputError, match="no file named like"):
        nih.find_images(nih_folder)
    assert fetch(nih_folder, "good").ranges == ["bytes=70000-"]
    assert unpacked(nih_folder) == IMAGES


@pytest.mark.parametrize(
    ("behaviours", "told"),
    [
        (("404",), "404 Not Found"),
        (("500",), "500 Server Error.*tried 8 times"),
        (("other bytes",), "a file of MD5 [0-9a-f]{32} came, [0-9a-f]{32} expected"),
        (("longer",), "more than the [0-9]+ bytes of the archive came"),
        (("busy",), "17 bytes offered, [0-9]+ expected; tried 8 times"),
    ],
)
def test_a_server_that_never_gives_the_file(nih_folder, behaviours, told):
    """One error names the address, and no file looks like an archive or images."""
    with pytest.raises(InputError, match=rf"^http://127\.0\.0\.1:.*{told}"):
        fetch(nih_folder, *behaviours)
    assert not (nih_folder / "images_001").exists()
    assert not (nih_folder / "images_001.tar.gz").exists()


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (packed({"../../00000001_000.sh": b"x"}), "not an image"),
        (packed({"images/00000001_000.png": b""}, tarfile.SYMTYPE, "/etc/passwd"), "not an image"),
        (packed({"images/00000001_000.png": b""}, tarfile.LNKTYPE, "../secret"), "not an image"),
        (packed({"images/00000001_000.png": b""}, tarfile.CHRTYPE), "not an image"),
        (packed({"images/00000001_000.png": bytes(2**25 + 1)}), "too large"),
        (packed({f"i/0000000{k}_000.png": bytes(2**24) for k in range(1, 9)}), "too large"),
        (packed({"a/00000001_000.png": b"1", "b/00000001_000.png": b"2"}), "in it twice"),
        (WHOLE[:-60_000], "incomplete or damaged"),
        (b"not an archive", "incomplete or damaged"),
    ],
    ids=["traversal", "link", "hard link", "device", "large", "bomb", "twice", "cut", "text"],
)
def test_hostile_archives(nih_folder, archive, told):
    """Only NIH's images are unpacked, only into their folder, and a bomb stops early."""
    with pytest.raises(InputError, match=told):
        fetch(nih_folder, "good", content=archive)
    assert not (nih_folder / "images_001").exists()
    assert not list(nih_folder.parent.glob("*.sh"))


def test_a_name_that_leaves_the_folder_stays_in_it(nih_folder):
    """A member's folders are not NIH's business: only its file name is used."""
    fetch(nih_folder, "good", content=packed({"../../../00000001_000.png": b"1"}))
    assert unpacked(nih_folder) == {"00000001_000.png": b"1"}


def test_too_little_room_is_said_first(nih_folder, monkeypatch):
    """Before a byte is asked for, the free space is compared with what is still to come."""
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("", (), {"free": 2**30}))
    with pytest.raises(InputError, match=r"1\.0 GiB free, 3\.9 GiB needed for 1 archives"):
        download.download(["images_001"])
    with open(nih_folder / "images_001.tar.gz.partial", "wb") as partial:
        partial.truncate(2**30)  # a gibibyte that a kill has left
    with pytest.raises(InputError, match=r"1\.0 GiB free, 2\.9 GiB needed for 1 archives"):
        download.download(["images_001"])


def test_a_full_disk_is_one_error(nih_folder, monkeypatch):
    """It names the file and the way out; the bytes that have come stay."""

    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "open", lambda *_: Full(), raising=False)
    with pytest.raises(InputError, match=r"images_001: cannot be written: .*No space left"):
        fetch(nih_folder, "good")


def test_a_folder_in_the_way(nih_folder):
    """A folder of the archive's name without any image is never taken for the archive's images."""
    (nih_folder / "images_001").mkdir()
    with pytest.raises(InputError, match="images_001: is there, but no image is in it"):
        fetch(nih_folder, "good")


def test_an_unknown_archive(nih_folder):
    """The nearest name is told."""
    with pytest.raises(InputError, match=r"images_013.*did you mean 'images_01"):
        download.download(["images_013"])


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("archive,address\nimages_001,http://x\n", "not a table of archive, address, bytes, md5"),
        ("archive,address,bytes,md5\nimages_001,http://x,many,0\n", "not a table of archive"),
        ("archive,address,bytes,md5\n../up,http://x,5,0\n", r"named by letters.*'\.\./up'"),
        ("archive,address,bytes,md5\nimages_001,x,5,0\n", "Invalid URL 'x'"),
        ("archive,address,bytes,md5\nimages_001,file:///etc/passwd,5,0\n", "No connection adapt"),
    ],
    ids=["columns", "number", "name", "address", "scheme"],
)
def test_a_table_of_ones_own(nih_folder, table, told):
    """A table that cannot be meant is refused before anything is asked for or written."""
    (nih_folder.parent / "t.csv").write_text(table)
    with pytest.raises(InputError, match=told):
        download.download(["all"], nih_folder.parent / "t.csv")
    assert not [path for path in nih_folder.iterdir() if path.suffix != ".lock"]


def test_the_table_of_addresses():
    """Twelve archives, each with an address, a size and a sum of its own: 42 GiB."""
    table = nih.pd.read_csv(nih.TABLES / "archives.csv")
    assert list(table["archive"]) == [f"images_{k:03d}" for k in range(1, 13)]
    assert table["address"].str.match(r"https://nihcc\.box\.com/shared/static/\w{32}\.gz").all()
    assert table["md5"].str.fullmatch("[0-9a-f]{32}").all() and table["md5"].is_unique
    assert round(table["bytes"].sum() / 2**30) == 42
