"""One process at a time, on file systems with and without locks."""

import errno
import fcntl

import pytest

from clnlib import lock


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_without_locks_is_said_aloud(tmp_path, monkeypatch, capsys, error):
    """Work goes on, with a warning; nothing is left that another machine would wait for."""

    def refuse(*_):
        raise OSError(error, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with lock.alone(tmp_path / "r.lock", "trains this run"):
        pass
    with lock.alone(tmp_path / "r.lock", "trains this run"):
        pass
    assert capsys.readouterr().err.count("no locks here; only one process may be here") == 2


def test_an_error_of_the_work_is_its_own(tmp_path, capsys):
    """What fails inside is raised, and the lock is free again."""
    with pytest.raises(OSError, match="disk full"), lock.alone(tmp_path / "lock", "builds it"):
        raise OSError("disk full")
    with lock.alone(tmp_path / "lock", "builds it"):
        pass
    assert capsys.readouterr().err == ""
