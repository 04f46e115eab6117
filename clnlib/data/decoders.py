"""Bytes of one PNG, JPEG or DICOM file to the grey pixels that a viewer shows.

A refusal is an `InputError` that says why, without the path; damage raises nearly any exception.
"""

import io
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from clnlib.errors import InputError

PNG, PNG_END, JPEG = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", b"\xff\xd8\xff"
# The largest flat-panel detectors have about 20 million pixels; above five times that a file is
# an attack or an accident, and Pillow itself would only warn.
MAX_PIXELS = 100_000_000
DEPTHS = (8, 10, 12, 14, 16)  # bits of the samples that radiographs' 16-bit PNGs hold
WAY_OUT = "pip install 'clnlib[dicom]'"


def _refuse_bomb(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(f"{width} x {height} pixels are more than {MAX_PIXELS:,}")


def fewest_bits(largest: int) -> int:
    """The smallest of `DEPTHS` that holds a sample."""
    return next(bits for bits in DEPTHS if largest < 2**bits)


def orientation(image: Image.Image) -> int:
    """How EXIF says that a picture is to be turned (1: not at all), from its header."""
    # Pillow's own method of PNG files would decode the pixels in search of a later EXIF block.
    found = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    return found if found in range(1, 9) else 1


def decode_picture(data: bytes, bits: int | None = None) -> NDArray[np.uint8]:
    """PNG or JPEG bytes to grey; `bits` as for `clnlib.data.images.read_grey`."""
    # Pillow's loader is content once it has the last row, whatever is cut off behind it.
    if data.startswith(PNG) and PNG_END not in data:
        raise InputError("the file is truncated")
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        _refuse_bomb(*image.size)
        orientation(image)  # Pillow remembers it, so that a later EXIF block is not asked
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            samples = np.asarray(image).astype(np.uint32)
            white = 2 ** (bits or fewest_bits(int(samples.max()))) - 1
            return np.minimum((samples * 510 + white) // (2 * white), 255).astype(np.uint8)
        if image.has_transparency_data:
            black = Image.new("RGBA", image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(black, image.convert("RGBA"))
        grey = np.asarray(image.convert("L"), dtype=np.uint8)
    # Of 16-bit colours Pillow keeps the upper byte, in which 12 bits leave 16 grey levels.
    if data.startswith(PNG) and data[24] == 16 and grey.max() < 64:
        raise InputError("16-bit colour samples of 14 bits or less; write it as a grey PNG")
    return grey


def dicom_size(file: BinaryIO) -> tuple[int, int]:
    """Width and height from the header, without decoding the pixels; raises as `decode_dicom`."""
    dataset = _read(file, stop_before_pixels=True, specific_tags=["Columns", "Rows"])
    return int(dataset.Columns), int(dataset.Rows)


def decode_dicom(data: bytes) -> NDArray[np.uint8]:
    """One radiograph as the file asks to be shown: uint8 (height, width).

    Modality LUT or rescaling; then the first VOI LUT, else the first window, else the image's own
    range; padding is black and no part of that range; MONOCHROME1 and the presentation shape
    INVERSE turn dark and bright, so that air is dark. An `ImportError` says that pydicom or the
    decoder of this file's compression is not installed.

    References
    ----------
    DICOM PS3.3, C.7.5.1.1.2 (padding), C.11.1 (modality LUT), C.11.2 (VOI LUT), C.11.6 (shape).
    """
    dataset = _read(io.BytesIO(data))
    if "PixelData" not in dataset:
        raise InputError("a DICOM file without pixel data, or cut off before it")
    frames, kind = int(dataset.get("NumberOfFrames") or 1), dataset.PhotometricInterpretation
    if frames != 1:
        raise InputError(f"{frames} frames; a radiograph has one")
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise InputError(f"DICOM with {kind} pixels; MONOCHROME1 or MONOCHROME2 is needed")
    _refuse_bomb(dataset.Columns, dataset.Rows)
    stored = _stored(dataset)
    if stored.ndim != 2:
        raise InputError(f"pixel data of shape {stored.shape}; a radiograph has two dimensions")
    padding = _padding(stored, dataset)
    brightness = _shown(_modality(stored, dataset), padding, dataset)
    if not np.isfinite(brightness).all():
        raise InputError("its rescale or window values give no finite brightness")
    shown = np.rint(np.clip(brightness, 0, 1) * 255).astype(np.uint8)
    shape = str(dataset.get("PresentationLUTShape") or "").strip().upper()
    # MONOCHROME1 and INVERSE belong together: they ask for one inversion, not for two.
    if kind == "MONOCHROME1" or shape == "INVERSE":
        shown = 255 - shown
    shown[padding] = 0
    return shown


def _read(file: BinaryIO, **options: Any) -> Any:
    """The data set of a DICOM file."""
    try:
        from pydicom import dcmread
        from pydicom.errors import InvalidDicomError
    except ImportError as error:
        raise ImportError(f"DICOM needs pydicom: {WAY_OUT}") from error
    try:
        return dcmread(file, **options)
    except InvalidDicomError as error:
        raise InputError("no DICOM header (DICM at byte 128)") from error


def _stored(dataset: Any) -> NDArray[Any]:
    """The stored values; `ImportError` where a decoder is missing, for the file may be fine."""
    from pydicom.pixels import get_decoder
    from pydicom.uid import JPEGBaseline8Bit

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        if syntax.name == str(syntax):  # pydicom names every syntax of the standard
            raise
        raise ImportError(
            f"pydicom has no decoder for {syntax.name}; convert the files, for example with "
            "gdcmconv --raw"
        ) from None
    # Pillow comes along anyway, but of JPEG and JPEG 2000 it reads only the usual half.
    partial = decoder.is_encapsulated and set(decoder.available_plugins) <= {"pillow"}
    try:
        return np.asarray(dataset.pixel_array)
    except MemoryError:
        raise
    except Exception as error:
        if partial and syntax != JPEGBaseline8Bit:
            raise ImportError(f"{syntax.name} needs a decoder: {WAY_OUT}") from error
        raise


def _padding(stored: NDArray[Any], dataset: Any) -> NDArray[np.bool_]:
    """Where pixels only fill up the rectangle around the exposed field."""
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, dtype=bool)
    limit = dataset.get("PixelPaddingRangeLimit")
    # Writers get the sign of these two wrong; only that of the pixels is sure.
    lowest = -32768 if stored.dtype.kind == "i" else 0
    ends = [(int(v) - lowest) % 65536 + lowest for v in (value, value if limit is None else limit)]
    return np.asarray((stored >= min(ends)) & (stored <= max(ends)))


def _modality(stored: NDArray[Any], dataset: Any) -> NDArray[Any]:
    """The values that windows and VOI LUTs refer to."""
    from pydicom.pixels import apply_modality_lut

    if dataset.get("ModalityLUTSequence"):
        table, rows, _ = _table(stored, dataset.ModalityLUTSequence[0], dataset)
        return table[rows]
    if None in (dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")):
        return stored
    return np.asarray(apply_modality_lut(stored, dataset))


def _shown(values: NDArray[Any], padding: NDArray[np.bool_], dataset: Any) -> NDArray[np.float64]:
    """Modality values to brightness, 0 to 1, by the stored LUT or window, else their range."""
    from pydicom.pixels import apply_windowing

    lookup = (dataset.get("VOILUTSequence") or [{}])[0]
    if lookup.get("LUTDescriptor") and lookup.get("LUTData"):
        table, rows, bits = _table(values, lookup, dataset)
        # Computed radiography often states 16 bits for entries of 12: then their range is meant.
        honest = int(table.max()).bit_length() == bits
        black, white = (0, 2**bits - 1) if honest else (int(table.min()), int(table.max()))
        return np.asarray((table[rows] - float(black)) / ((white - black) or 1), dtype=np.float64)
    if None not in (dataset.get("WindowCenter"), dataset.get("WindowWidth")):
        if not dataset.get("VOILUTFunction"):
            dataset.VOILUTFunction = "LINEAR"
        # The output range depends on half a dozen attributes: pydicom's answer for values far
        # outside any window is that range (and stays right for a negative rescale slope).
        with np.errstate(over="ignore"):
            low, high = apply_windowing(np.array([-1e12, 1e12]), dataset)
            windowed = apply_windowing(values, dataset)
        return np.asarray((windowed - low) / (high - low), dtype=np.float64)
    tissue = values[~padding].astype(np.float64)
    low, high = (tissue.min(), tissue.max()) if tissue.size else (0.0, 0.0)
    return (values.astype(np.float64) - low) / ((high - low) or 1.0)


def _table(values: NDArray[Any], item: Any, dataset: Any) -> tuple[NDArray[Any], Any, int]:
    """A lookup table's entries, the row of each value in it, and the bits an entry is said to have.

    pydicom 3.0 reads the same tables but for three kinds: 8 bits with an entry in every byte or
    with more than 256 entries, modality tables of 10 to 15 bits, and first values below 0.
    """
    count, first, bits = item.LUTDescriptor
    data = item.LUTData
    if isinstance(data, bytes):
        little = dataset.original_encoding[1] or item["LUTData"].VR == "OB"
        words = np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little else ">u2")
    else:
        words = np.atleast_1d(np.asarray(data)).astype("<u2")
    if bits <= 8 and len(words) < (count or 65536):
        words = words.astype("<u2").view(np.uint8)
    table = words[: count or 65536]
    if first > 32767 and values.min() < 0:
        first -= 65536  # the sign of the first value is that of the values, not of the pixels
    rows = np.clip(np.floor(values - np.float64(first)), 0, len(table) - 1).astype(np.int64)
    return table, rows, int(bits)
