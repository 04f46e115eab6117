"""Files are whole, hashed once, and used by one process at a time."""

import errno
import fcntl
import json
import os
import time
from pathlib import Path

import pytest

from clnlib import io
from clnlib.errors import InputError


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_without_locks_is_said_aloud(tmp_path, monkeypatch, capsys, error):
    """Work goes on, with a warning; nothing is left that another machine would wait for."""

    def refuse(*_):
        raise OSError(error, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with io.alone(tmp_path / "r.lock", "trains this run"):
        pass
    with io.alone(tmp_path / "r.lock", "trains this run"):
        pass
    assert capsys.readouterr().err.count("no locks here; only one process may be here") == 2


def test_an_error_of_the_work_is_its_own(tmp_path, capsys):
    """What fails inside is raised, and the lock is free again."""
    with pytest.raises(OSError, match="disk full"), io.alone(tmp_path / "lock", "builds it"):
        raise OSError("disk full")
    with io.alone(tmp_path / "lock", "builds it"):
        pass
    assert capsys.readouterr().err == ""


# writing


def test_write_atomically_keeps_the_old_file(tmp_path):
    """A full disk leaves what was there before; the error names the file and the way out."""
    path = tmp_path / "a" / "file.txt"
    io.write_atomically(path, lambda p: p.write_text("old"))

    def torn(p: Path) -> None:
        p.write_text("ne")
        raise OSError(errno.ENOSPC, "disk full")

    with pytest.raises(InputError, match=r"file\.txt: cannot be written: .*disk full; make room"):
        io.write_atomically(path, torn)
    assert path.read_text() == "old"
    io.write_atomically(path, lambda p: p.write_text("new"))
    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_json_has_one_spelling(tmp_path):
    """Equal values give equal bytes, in words a person can read."""
    assert io.as_json({"b": 1, "a": "λ"}) == io.as_json({"a": "λ", "b": 1})
    io.write_json(tmp_path / "x.json", {"a": "λ"})
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n "a": "λ"\n}\n'


def test_digest():
    """The sha256 of the lines: order and borders count."""
    assert io.digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    # printf 'a\n1\n' | sha256sum
    expected = "309b0e45a73d3fc5325e2b6ed0a01ef8b9cde6b05a5633c1f893f970d52bfddc"
    assert io.digest(["a", 1]) == io.digest(iter(["a", "1"])) == expected
    assert io.digest(["a1"]) != expected
    assert io.digest([1, "a"]) != expected


# the content of files


@pytest.fixture
def old_file(tmp_path, monkeypatch):
    """A file that was changed long enough ago to be remembered, in a home of its own."""
    monkeypatch.setenv("CLN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(io, "RACE", -60.0)
    file = tmp_path / "a.png"
    file.write_bytes(b"abc")
    return file


def test_content_is_the_sha256(old_file):
    """printf abc | sha256sum"""
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert io.content_sha256([old_file]) == {old_file: expected}


def test_a_file_is_read_once(old_file, monkeypatch):
    """A second call, of another process too, does not open what has not changed."""
    before = io.content_sha256([old_file])
    monkeypatch.setattr(io, "_sha256", lambda file: pytest.fail("read again"))
    assert io.content_sha256([old_file]) == before


@pytest.mark.parametrize("same_time", [True, False])
def test_a_changed_file_is_read_again(old_file, same_time):
    """Other bytes of the same length count, also where the time of change was put back."""
    before, stat = io.content_sha256([old_file]), old_file.stat()
    time.sleep(0.02)
    old_file.write_bytes(b"abd")
    if same_time:
        os.utime(old_file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert io.content_sha256([old_file]) != before


def test_a_file_changed_just_now_is_not_remembered(old_file, monkeypatch):
    """A second change within the clock's grain would have the same stamp, so nothing is noted."""
    monkeypatch.setattr(io, "RACE", 60.0)
    io.content_sha256([old_file])
    assert not (old_file.parent / "home/stores/hashes.json").exists()


def test_a_damaged_index_and_an_unreadable_file(old_file):
    """A torn index is made again; a file that cannot be read has the reason for a hash."""
    before = io.content_sha256([old_file])
    index = old_file.parent / "home/stores/hashes.json"
    index.write_text("{")
    assert io.content_sha256([old_file]) == before
    assert list(json.loads(index.read_text())) == [str(old_file)]
    folder = old_file.parent
    assert io.content_sha256([folder])[folder] == "unreadable: Is a directory"
