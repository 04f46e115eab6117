"""Any radiograph file (PNG, JPEG, DICOM) to grey pixels."""

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from clnlib.errors import InputError

Grey = NDArray[np.uint8]

# The largest flat-panel detectors have about 20 million pixels; above five times that a file is
# an attack or an accident, and Pillow itself would only warn.
MAX_PIXELS = 100_000_000

PNG, PNG_END, JPEG = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", b"\xff\xd8\xff"


class ImageError(InputError):
    """A file that is no usable image: `reason` says why without naming the path."""

    def __init__(self, path: Path, reason: str, verdict: str = "cannot be read as an image"):
        self.reason = " ".join(reason.split())
        super().__init__(f"{path}: {verdict}: {self.reason}")


class MissingReaderError(InputError):
    """The file may be fine: a package to read it with is not installed."""


def read_grey(path: Path) -> Grey:
    """Decode a PNG, JPEG or DICOM file to 8-bit grey.

    The kind is told by the content (`.dcm` and `.dicom` names are taken at their word). Colours
    become ITU-R 601 luma. Transparent pixels are laid on black, a radiograph's background,
    because the colour stored under them is arbitrary. 16-bit PNG samples are scaled from the
    full 16-bit range, as the format defines. EXIF orientation is ignored: boxes refer to the
    stored pixels. DICOM: modality LUT, then the first stored VOI LUT or window, without one the
    image's own range; MONOCHROME1 is inverted, so that air is dark.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    uint8 array (height, width), 0 black to 255 white.

    Raises
    ------
    InputError
        Missing, empty, damaged or truncated file, another format, more than `MAX_PIXELS`
        pixels, several frames, colour DICOM, or DICOM without pydicom installed.
    """
    return _decode(_content(path), path)


def to_square(grey: Grey, size: int) -> Grey:
    """Resize with anti-aliasing (Lanczos) to a square, stretching what is not square.

    Parameters
    ----------
    grey
        uint8 array (height, width).
    size
        Side of the result in pixels. Boxes are relative, so that stretching leaves them right.

    Returns
    -------
    uint8 array (size, size).
    """
    resized = Image.fromarray(grey).resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized, dtype=np.uint8)


def read_file(path: Path, size: int, square_of: int | None = None) -> tuple[Grey, dict[str, Any]]:
    """A radiograph file as square grey pixels, and the facts that identify the file.

    Parameters
    ----------
    path
        PNG, JPEG or DICOM file.
    size
        Side of the result in pixels.
    square_of
        Refuse images that are not square or have a smaller side than this (pixels).

    Returns
    -------
    pixels
        uint8 array (size, size).
    facts
        `file` (name without folder), `width` and `height` (stored pixels), `bytes`, `sha256`.

    Raises
    ------
    InputError
        As `read_grey`, or the image is not as `square_of` demands.
    """
    data = _content(path)
    grey = _decode(data, path)
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
    return to_square(grey, size), facts


def _content(path: Path) -> bytes:
    """The bytes of a regular file."""
    if path.is_dir():
        raise ImageError(path, "it is a folder")
    if path.exists() and not path.is_file():
        raise ImageError(path, "it is not a regular file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(path, (error.strerror or str(error)).lower()) from error
    if not data:
        raise ImageError(path, "the file is empty")
    return data


def _decode(data: bytes, path: Path) -> Grey:
    """Dispatch on the content, and turn whatever a decoder raises into one line."""
    is_dicom = data[128:132] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom")
    try:
        with _quiet():
            if data.startswith((PNG, JPEG)):
                return _decode_picture(data)
            if is_dicom:
                return _decode_dicom(data)
    except _RefusedError as error:
        raise ImageError(path, str(error)) from error
    except ImportError as error:
        raise MissingReaderError(
            f"{path}: cannot be read as an image: DICOM needs pydicom: pip install 'clnlib[dicom]'"
        ) from error
    except MemoryError:
        raise
    # Damaged files make Pillow and pydicom raise nearly any exception there is.
    except Exception as error:
        raise ImageError(path, _plain(error)) from error
    raise ImageError(path, "not a PNG, JPEG or DICOM file")


class _RefusedError(Exception):
    """A reason that is already in plain words."""


def _plain(error: Exception) -> str:
    """A decoder's exception as one plain line."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        return "the header is damaged or truncated"
    if "truncated" in text.lower():
        return "the file is truncated"
    return f"the file is damaged or unsupported: {text}"


def _refuse_bomb(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _RefusedError(f"{width} x {height} pixels are more than {MAX_PIXELS:,}")


def _decode_picture(data: bytes) -> Grey:
    """PNG or JPEG bytes to grey."""
    # Pillow's loader is content once it has the last row, whatever is cut off behind it.
    if data.startswith(PNG) and PNG_END not in data:
        raise _RefusedError("the file is truncated")
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
    except Image.DecompressionBombError as error:
        raise _RefusedError(f"more than {MAX_PIXELS:,} pixels") from error
    with image:
        _refuse_bomb(*image.size)
        image.load()
        if image.mode.startswith("I"):
            samples = np.asarray(image).astype(np.uint32)
            return ((samples + 128) // 257).astype(np.uint8)
        if image.has_transparency_data:
            black = Image.new("RGBA", image.size, (0, 0, 0, 255))
            grey = Image.alpha_composite(black, image.convert("RGBA")).convert("L")
        else:
            grey = image.convert("L")
        return np.asarray(grey, dtype=np.uint8)


def _decode_dicom(data: bytes) -> Grey:
    """DICOM bytes to grey, as the file asks to be shown."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.pixels import apply_modality_lut

    try:
        dataset = dcmread(io.BytesIO(data))
    except InvalidDicomError as error:
        raise _RefusedError("no DICOM header (DICM at byte 128)") from error
    if "PixelData" not in dataset:
        raise _RefusedError("a DICOM file without pixel data, or cut off before it")
    frames, kind = int(dataset.get("NumberOfFrames") or 1), dataset.PhotometricInterpretation
    if frames != 1:
        raise _RefusedError(f"{frames} frames; a radiograph has one")
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise _RefusedError(f"DICOM with {kind} pixels; MONOCHROME1 or MONOCHROME2 is needed")
    _refuse_bomb(dataset.Columns, dataset.Rows)
    values = np.asarray(apply_modality_lut(dataset.pixel_array, dataset))
    if values.ndim != 2:
        raise _RefusedError(f"pixel data of shape {values.shape}; a radiograph has two dimensions")
    brightness = _shown(values, dataset)
    if not np.isfinite(brightness).all():
        raise _RefusedError("its rescale or window values give no finite brightness")
    shown = np.rint(np.clip(brightness, 0, 1) * 255).astype(np.uint8)
    return 255 - shown if kind == "MONOCHROME1" else shown


def _shown(values: NDArray[Any], dataset: Any) -> NDArray[np.float64]:
    """Modality values to brightness in [0, 1] by the stored LUT or window, else their range."""
    from pydicom.pixels import apply_windowing

    if dataset.get("VOILUTSequence"):
        return _looked_up(values, dataset.VOILUTSequence[0])
    if None not in (dataset.get("WindowCenter"), dataset.get("WindowWidth")):
        # The output range depends on half a dozen attributes: pydicom's answer for values far
        # outside any window is that range (and stays right for a negative rescale slope).
        with np.errstate(over="ignore"):
            black, white = apply_windowing(np.array([-1e12, 1e12]), dataset)
            windowed = apply_windowing(values, dataset)
        return np.asarray((windowed - black) / (white - black), dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    return (values.astype(np.float64) - low) / ((high - low) or 1.0)


def _looked_up(values: NDArray[Any], item: Any) -> NDArray[np.float64]:
    """Apply a VOI LUT (pydicom 3.0's own wraps around when 12-bit input has 8-bit output)."""
    _, first, depth = item.LUTDescriptor
    if isinstance(item.LUTData, bytes):
        table = np.frombuffer(item.LUTData, dtype="<u2")
    else:
        table = np.asarray(item.LUTData)
    rows = np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)
    return np.asarray(table[rows] / (2.0**depth - 1), dtype=np.float64)


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
