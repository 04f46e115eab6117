"""NIH's archives of images, fetched and unpacked into `CLN_NIH_DIR`; nothing else calls this.

    python -m clnlib.data.download images_001 images_002
    python -m clnlib.data.download all [--addresses TABLE.csv]

Stopped or killed, the same command goes on where it was. Another table of the same columns
(archive, address, bytes, md5) fetches from a mirror.
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import tarfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd
import requests
from tqdm import tqdm

from clnlib import io, paths
from clnlib.data.nih import TABLES
from clnlib.errors import InputError, not_allowed, refuse

TRIES = 8  # in a row without a byte gained
LARGEST = 2**25  # bytes of an image that is accepted; NIH's largest has under a tenth of it
UNPACKED = 1.1  # times its own size an archive's images may take, because PNG hardly packs
WAIT = 1.0  # seconds before the second try, longer before later ones
STALL = 60.0  # seconds without a byte before the connection is given up
CHUNK = 2**16
_MEMBER = re.compile(r"[0-9]{8}_[0-9]{3}\.png")


class Archive(NamedTuple):
    """An archive of images: its name, where it is, and what must come from there."""

    archive: str
    address: str
    bytes: int
    md5: str


def download(names: Sequence[str], addresses: Path | None = None) -> None:
    """Fetch archives of NIH's images, check them, and unpack them under `CLN_NIH_DIR`.

    An archive's images are in `CLN_NIH_DIR/<archive>/` when all of them are there; the archive
    itself is then removed.

    Parameters
    ----------
    names
        `images_001` … `images_012`, or "all": 112,120 images of 42 GiB.
    addresses
        A table with the columns archive, address, bytes, md5. None: NIH's own, part of the package.

    Raises
    ------
    InputError
        An unknown archive, too little room, an address that does not answer or has another file
        than the table says, or an archive with something else than images in it.

    Examples
    --------
    >>> download(["images_001"])  # doctest: +SKIP
    """
    folder = paths.nih_dir()
    known = _table(addresses or TABLES / "archives.csv")
    for name in names:
        if name not in {"all", *known}:
            raise not_allowed("archive", name, ("all", *known))
    wanted = [known[name] for name in known if name in names or "all" in names]
    missing = [archive for archive in wanted if not _is_there(folder / archive.archive)]
    _refuse_too_little_room(folder, missing)
    for archive in missing:
        target = folder / archive.archive
        with io.alone(folder / f".{archive.archive}.lock", "fetches it"), io.writing(target):
            if not _is_there(target):
                file = fetch(archive, folder)
                unpack(file, target)
                file.unlink()
    print(f"{folder}: {', '.join(a.archive for a in wanted)} unpacked")
    if not any(folder.rglob("train_val_list.txt")):
        print("stage 1 needs train_val_list.txt and test_list.txt there, too: see NIH's page")


def _is_there(target: Path) -> bool:
    """Whether an archive's images are unpacked; a folder without any image is in the way."""
    if not target.exists() or any(target.rglob("*.png")):
        return target.exists()
    raise InputError(f"{target}: is there, but no image is in it; move it away")


def _table(file: Path) -> dict[str, Archive]:
    try:
        table = pd.read_csv(file, dtype={"archive": str, "md5": str, "bytes": "int64"})
        rows = [Archive(*row) for row in table[list(Archive._fields)].itertuples(index=False)]
    except (OSError, ValueError, KeyError) as error:
        columns = ", ".join(Archive._fields)
        raise InputError(f"{file}: not a table of {columns}: {error}") from None
    names = (repr(row.archive) for row in rows if not re.fullmatch(r"\w[\w-]*", row.archive))
    refuse(f"{file}: archives are named by letters, digits, _ and -", names)
    return {row.archive: row for row in rows}


def _refuse_too_little_room(folder: Path, missing: Sequence[Archive]) -> None:
    unpacked = sum(int(archive.bytes * UNPACKED) for archive in missing)
    needed = unpacked + max((archive.bytes for archive in missing), default=0)
    for archive in missing:  # what a kill has left
        left = [*folder.glob(f"{archive.archive}.tar.gz*")]
        left += folder.glob(f".partial-{archive.archive}/*")
        needed -= sum(map(_size, left))
    if (free := shutil.disk_usage(folder).free) < needed:
        raise InputError(
            f"{folder}: {free / 2**30:.1f} GiB free, {needed / 2**30:.1f} GiB needed for "
            f"{len(missing)} archives; name fewer, or point CLN_NIH_DIR at a larger disk"
        )


def fetch(archive: Archive, folder: Path) -> Path:
    """Download one archive, going on from the bytes that are there; its file, once all is right."""
    file, partial = (folder / f"{archive.archive}{end}" for end in (".tar.gz", ".tar.gz.partial"))
    failures = wrong = largest = 0
    while not file.exists():
        try:
            _receive(archive, partial)
        except ValueError as error:  # an address that is none
            raise InputError(f"{archive.address}: {error}") from None
        except requests.RequestException as error:
            failures = 0 if _size(partial) > largest else failures + 1
            largest = max(largest, _size(partial))
            if failures == TRIES:
                raise InputError(f"{archive.address}: {error}; tried {TRIES} times") from None
            time.sleep(min(2**failures, 60) * WAIT)
            continue
        if problem := _difference(archive, partial):
            # Once it may be the end of another file than the one that was begun.
            partial.unlink()
            wrong += 1
            if wrong == 2:
                raise InputError(f"{archive.address}: {problem}")
        else:
            os.replace(partial, file)
    return file


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _receive(archive: Archive, partial: Path) -> None:
    """Append what is missing; a server that cannot go on from there sends all of it again."""
    if (start := _size(partial)) >= archive.bytes:
        return
    # Nothing may unpack the bytes on the way.
    asked = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(archive.address, headers=asked, stream=True, timeout=(30, STALL)) as answer:
        if 400 <= answer.status_code < 500 and answer.status_code not in (408, 416, 429):
            raise InputError(f"{answer.status_code} {answer.reason}")
        answer.raise_for_status()
        told = answer.headers.get("Content-Range", "")
        goes_on = answer.status_code == 206 and told.startswith(f"bytes {start}-")
        offered = told.rpartition("/")[2] if goes_on else answer.headers.get("Content-Length", "")
        if offered.isdigit() and int(offered) != archive.bytes:  # a page that says "busy", mostly
            raise requests.ConnectionError(f"{offered} bytes offered, {archive.bytes} expected")
        with (
            open(partial, "ab" if goes_on else "wb") as out,
            tqdm(
                desc=archive.archive, total=archive.bytes, initial=out.tell(), unit="B",
                unit_scale=True, delay=1,
            ) as progress,
        ):  # fmt: skip
            for chunk in answer.iter_content(CHUNK):
                progress.update(out.write(chunk))
                if out.tell() > archive.bytes:
                    return
    if (came := _size(partial)) < archive.bytes:
        raise requests.ConnectionError(f"{came} of {archive.bytes} bytes came")


def _difference(archive: Archive, partial: Path) -> str:
    """What is wrong with the bytes that have come, or nothing."""
    if _size(partial) > archive.bytes:
        return f"more than the {archive.bytes} bytes of the archive came"
    with open(partial, "rb") as opened:
        md5 = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return "" if md5 == archive.md5 else f"a file of MD5 {md5} came, {archive.md5} expected"


def unpack(file: Path, target: Path) -> None:
    """Unpack an archive's images, and nothing else, into a folder that appears when all are there.

    Raises
    ------
    InputError
        A member that is no image by its name, or too large, or no plain file (a link, a device).
    """
    temporary = target.with_name(f".partial-{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    room = int(_size(file) * UNPACKED) + LARGEST
    try:
        with tarfile.open(file) as members:
            for member in tqdm(members, f"unpacking {target.name}", delay=1):
                room -= member.size
                if not member.isdir():
                    _unpack_image(members, member, temporary, room)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{file}: incomplete or damaged ({error}); delete it and try again"
        ) from error
    temporary.rename(target)


def _unpack_image(
    members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, room: int
) -> None:
    name = PurePosixPath(member.name).name
    problem = ""
    if not (member.isfile() and _MEMBER.fullmatch(name)):
        problem = "not an image of NIH, as 00000001_000.png"
    elif member.size > LARGEST or room < 0:
        problem = "too large for an image of NIH"
    elif (folder / name).exists():
        problem = "in it twice"
    if problem:
        raise InputError(f"{folder.name}: {member.name!r} is {problem}")
    content = members.extractfile(member)
    assert content is not None
    with open(folder / name, "wb") as out:
        shutil.copyfileobj(content, out)


def main() -> None:
    """Fetch the archives named on the command line."""
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("archives", nargs="+")
    words.add_argument("--addresses", type=Path)
    given = words.parse_args()
    try:
        download(given.archives, given.addresses)
    except InputError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
