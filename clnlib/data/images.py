"""Any radiograph file (PNG, JPEG, DICOM) to grey pixels."""

import functools
import hashlib
import io
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from clnlib.data import decoders
from clnlib.data.decoders import JPEG, PNG
from clnlib.errors import InputError, refuse

Grey = NDArray[np.uint8]
DICOM_NAMES = (".dcm", ".dicom")


class ImageError(InputError):
    """A file that is no usable image: `reason` says why without naming the path."""

    def __init__(self, path: Path, reason: str, verdict: str = "cannot be read as an image"):
        self.reason = " ".join(reason.split())
        super().__init__(f"{path}: {verdict}: {self.reason}")


class MissingReaderError(InputError):
    """The file may be fine: a package to read it with is not installed."""


def read_grey(path: Path, bits: int | None = None) -> Grey:
    """Decode a PNG, JPEG or DICOM file to 8-bit grey, as a viewer shows it.

    The kind is told by the content (`.dcm` and `.dicom` names are taken at their word). Colours
    become ITU-R 601 luma. Transparent pixels are laid on black, a radiograph's background,
    because the colour stored under them is arbitrary. EXIF orientation is applied. For DICOM see
    `clnlib.data.decoders.decode_dicom`.

    Parameters
    ----------
    path
        The file.
    bits
        How many bits the samples of a 16-bit PNG use: white is 2 ** bits - 1. None: by the file's
        own samples; files that belong together need `sample_bits` of all.

    Returns
    -------
    uint8 array (height, width), 0 black to 255 white.

    Raises
    ------
    ImageError
        Missing, empty, damaged or truncated file, another format, more than 100 million pixels,
        several frames or colour DICOM.
    MissingReaderError
        DICOM without pydicom, or without the decoder of its compression, installed.
    """
    return _decode(_content(path), path, bits)


def check_sizes(
    where: Path, files: Mapping[str, Path], sizes: Mapping[str, tuple[int, int]]
) -> None:
    """Refuse files that are not shown with the width and height claimed, by their headers.

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
        text = f"{name} has {has}, its annotation says {says}"
        if shown == sizes[name][::-1]:
            text += ": swapped?"
            if orientation > 4:
                text = f"{name} has {says} stored, as its annotation says, but is shown with {has} "
                text += f"(EXIF orientation {orientation}): its boxes may be drawn on either; "
                text += "write the file upright, without EXIF, and export again"
        if shown != sizes[name]:
            wrong.append(text)
    refuse(where, wrong)
    if turned:
        print(f"note: {turned} images are turned as EXIF says; boxes must be drawn on them so")


def shown_size(path: Path) -> tuple[tuple[int, int], int]:
    """Width and height as shown, and the EXIF orientation (1: upright), from the header alone.

    Raises as `read_grey`; damage behind the header is not met.
    """
    with _plainly(path), path.open("rb") as file:
        if is_dicom(path):
            return decoders.dicom_size(file), 1
        with Image.open(file, formats=("PNG", "JPEG")) as image:
            turned = decoders.orientation(image)
            return image.size[::-1] if turned > 4 else image.size, turned


def is_dicom(path: Path) -> bool:
    """Is a file DICOM, by its name or by its content?"""
    return path.suffix.lower() in DICOM_NAMES or _head(path)[128:] == b"DICM"


def sample_bits(paths: Iterable[Path]) -> int:
    """How many bits the samples of some files' 16-bit PNGs use; fewer than 16 are noted in print.

    Radiographs often have 12 bits, which converters write into 16 without scaling them. The
    largest sample of a whole set tells, where a single dark image could not.
    """
    largest = 0
    for path in (path for path in paths if _is_deep(_head(path))):
        with suppress(ImageError), _plainly(path), Image.open(path) as image:
            largest = max(largest, int(np.asarray(image).max()))
        if decoders.fewest_bits(largest) == 16:
            break
    bits = decoders.fewest_bits(largest or 65535)
    if bits < 16:
        white = 2**bits - 1
        print(f"note: 16-bit PNG samples end at {largest}: read as {bits} bits, white is {white}")
    return bits


def to_square(grey: Grey, size: int) -> Grey:
    """Resize with anti-aliasing (Lanczos) to (size, size), stretching what is not square.

    Boxes are relative, so that stretching leaves them right.
    """
    resized = Image.fromarray(grey).resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized, dtype=np.uint8)


def reader(
    files: Mapping[str, Path], size: int, square_of: int | None = None, reduce: bool = False
) -> Callable[[str], tuple[Grey, dict[str, Any]]]:
    """A function from the name of an image to its pixels (size, size) and facts.

    The facts are `file` (name without folder), `width` and `height` (pixels, as shown), `bytes`,
    `sha256`, and `bits` of a 16-bit PNG that uses fewer. Threads may share the function; it raises
    as `read_grey`.

    Parameters
    ----------
    files
        Image name to file. The bits of 16-bit PNGs are those of all of them, looked up when the
        first one is met.
    size
        Side of the result in pixels.
    square_of
        Refuse images that are not square or have a smaller side than this (pixels).
    reduce
        Make every image `square_of` pixels wide before it gets its size, so that what was larger
        shows no more.
    """
    alone = threading.Lock()
    depth = functools.cache(lambda: sample_bits(files.values()))

    def read(name: str) -> tuple[Grey, dict[str, Any]]:
        path, bits = files[name], 16
        data = _content(path)
        if _is_deep(data):
            with alone:
                bits = depth()
        grey = _decode(data, path, bits)
        height, width = grey.shape
        if square_of is not None and (height != width or width < square_of):
            raise ImageError(
                path,
                f"{width} x {height} pixels, expected a square of at least {square_of} "
                "(a whole radiograph, resized but not cropped)",
                "cannot be used",
            )
        facts = {
            "file": path.name,
            "width": width,
            "height": height,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        if reduce and square_of is not None:
            grey = to_square(grey, square_of)
        return to_square(grey, size), facts | ({"bits": bits} if bits < 16 else {})

    return read


def _content(path: Path) -> bytes:
    """The bytes of a regular file."""
    if path.exists() and not path.is_file():
        raise ImageError(path, f"it is {'a folder' if path.is_dir() else 'not a regular file'}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(path, (error.strerror or str(error)).lower()) from error
    if not data:
        raise ImageError(path, "the file is empty")
    return data


def _head(path: Path) -> bytes:
    """The first bytes of a file, enough to tell its kind; none where it cannot be read."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(132)
    return b""


def _is_deep(head: bytes) -> bool:
    """Is a file that begins like this a 16-bit grey PNG?"""
    return head.startswith(PNG) and head[24:26] == b"\x10\x00"


def _decode(data: bytes, path: Path, bits: int | None = None) -> Grey:
    """Dispatch on the content."""
    with _plainly(path):
        if data.startswith((PNG, JPEG)):
            return decoders.decode_picture(data, bits)
        if data[128:132] == b"DICM" or path.suffix.lower() in DICOM_NAMES:
            return decoders.decode_dicom(data)
        other = ""
        with suppress(Exception), Image.open(io.BytesIO(data)) as image:
            other = f" but {image.format}: write it as PNG"
        raise InputError(f"not a PNG, JPEG or DICOM file{other}")


@contextmanager
def _plainly(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into one line with the path, and its warnings into none."""
    try:
        with _quiet():
            yield
    except ImportError as error:
        raise MissingReaderError(f"{path}: cannot be read as an image: {error}") from error
    except MemoryError:
        raise
    # Damaged files make Pillow and pydicom raise nearly any exception there is.
    except Exception as error:
        raise ImageError(path, _plain(error)) from error


def _plain(error: Exception) -> str:
    """A decoder's exception as one plain line."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, InputError):
        return text
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {decoders.MAX_PIXELS:,} pixels"
    if isinstance(error, UnidentifiedImageError):
        return "the header is damaged or truncated"
    if "truncated" in text.lower():
        return "the file is truncated"
    return f"the file is damaged or unsupported: {text}"


_quiet_lock, _quiet_stack = threading.Lock(), ExitStack()
_quiet_users = 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Ignore decoders' warnings while any thread decodes.

    Python's own filter switch restores the wrong state when threads overlap; here the first
    thread in switches and the last one out restores.
    """
    global _quiet_users
    with _quiet_lock:
        if _quiet_users == 0:
            _quiet_stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _quiet_users += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_users -= 1
            if _quiet_users == 0:
                _quiet_stack.close()
