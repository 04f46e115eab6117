"""Which file the name of an image means, and whether it has the size that its annotation claims."""

import filecmp
import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath

from clnlib.data.images import ImageError, shown_size
from clnlib.errors import InputError, refuse, shortened


def composed(text: str) -> str:
    """One spelling of letters with accents, which some systems take apart (Unicode's NFC)."""
    return unicodedata.normalize("NFC", text)


def portable(name: str) -> str:
    r"""`.\images\a.png`, as Windows writes it, as `images/a.png`."""
    return str(PurePosixPath(composed(name).replace("\\", "/")))


def same(a: Path, b: Path) -> bool:
    """Are two files one, or equal in bytes?"""
    return os.path.samefile(a, b) or filecmp.cmp(a, b, shallow=False)


def find(where: Path, folders: Sequence[Path], names: Sequence[str]) -> dict[str, Path]:
    """The file of each portable name, all in that one of the folders which has the most of them.

    A name means the file that is spelt like it, else the only one that differs in nothing but
    case (which is noted) and the spelling of accents. `where` is what the names stand in.

    Raises
    ------
    InputError
        Files are missing, two folders have a file and the contents differ, or two names mean
        one file.
    """

    @cache
    def listing(folder: Path) -> dict[str, list[str]]:
        entries: dict[str, list[str]] = {}
        for entry in os.listdir(folder) if folder.is_dir() else ():
            entries.setdefault(composed(entry).casefold(), []).append(entry)
        return entries

    def file(place: Path, name: str) -> Path | None:
        # a careless unzip leaves backslashes in the names of files
        for spelling in (name, name.replace("/", "\\")):
            if os.path.isfile(place / spelling):
                return place / spelling
        for part in PurePosixPath(name).parts:
            alike = listing(place).get(part.casefold(), [])
            if not os.path.exists(place / part):
                if len(alike) != 1:
                    return None
                (part,) = alike
            place /= part
        return place if place.is_file() else None

    found = [{n: path for n in names if (path := file(place, n))} for place in folders]
    best, *others = sorted(found, key=len, reverse=True)
    if missing := [name for name in names if name not in best]:
        raise InputError(
            f"{where}: {len(missing)} of the {len(names)} images with boxes are missing: "
            f"{shortened(missing)}; looked in {' and '.join(map(str, folders))}; "
            "name their folder with -p image_folder FOLDER"
        )
    pairs = [(path, best[name]) for other in others for name, path in other.items()]
    refuse(
        where,
        (
            f"{a} and {b} differ: move the one that is not meant elsewhere"
            for a, b in pairs
            if not same(a, b)
        ),
    )
    twice = [path for path, times in Counter(best.values()).items() if times > 1]
    refuse(where, (f"{path} is named more than once, in other spellings" for path in twice))
    if cased := [path for name, path in best.items() if not portable(str(path)).endswith(name)]:
        print(f"note: names that differ from their files in case: {shortened(cased)}", flush=True)
    return best


def check_sizes(
    where: Path, files: Mapping[str, Path], sizes: Mapping[str, tuple[int, int]]
) -> None:
    """Refuse files that do not have the width and height claimed, as shown, by their headers.

    A file that cannot be read passes: it is named, or left out, when it is decoded.
    """
    wrong, turned = [], 0
    for name, path in files.items():
        try:
            shown, orientation = shown_size(path)
        except ImageError:
            continue
        turned += orientation > 1
        has, says = (f"{width} x {height} pixels" for width, height in (shown, sizes[name]))
        if shown == sizes[name]:
            continue
        if shown != sizes[name][::-1] or orientation < 5:
            swapped = ": swapped?" if shown == sizes[name][::-1] else ""
            wrong.append(f"{name} has {has}, its annotation says {says}{swapped}")
        else:
            wrong.append(
                f"{name} is stored with {says}, as its annotation says, but EXIF orientation "
                f"{orientation} shows it with {has}: its boxes may be drawn on either; write the "
                "file upright, without EXIF, and export again"
            )
    refuse(where, wrong)
    if turned:
        print(f"note: {turned} images are turned as EXIF says; boxes must be drawn on them so")
