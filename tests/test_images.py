"""Every kind of radiograph file becomes the right grey pixels, every bad one a plain error."""

import hashlib
import io
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from dicom_files import dicom, lossless_jpeg
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from clnlib.data import images
from clnlib.data.images import (
    MissingReaderError,
    read_grey,
    reader,
    sample_bits,
    shown_size,
    to_square,
)
from clnlib.errors import InputError

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def twins() -> dict[str, tuple[Image.Image, dict[str, object]]]:
    """Images of the ramp in every mode that can hold it without loss."""
    grey = Image.fromarray(RAMP)
    opaque = Image.new("L", grey.size, 255)
    palette = Image.fromarray(255 - RAMP).convert("P")
    palette.putpalette([255 - index // 3 for index in range(768)])
    return {
        "L": (grey, {}),
        "RGB": (grey.convert("RGB"), {}),
        "RGBA": (grey.convert("RGBA"), {}),
        "LA": (Image.merge("LA", [grey, opaque]), {}),
        "P": (palette, {}),
        "P opaque": (palette, {"transparency": bytes([255] * 256)}),
        "16 bit": (Image.fromarray(RAMP.astype(np.uint16) * 257), {}),
    }


@pytest.mark.parametrize("mode", twins())
def test_modes_agree(tmp_path, mode):
    """A grey ramp reads the same from every PNG mode."""
    image, options = twins()[mode]
    pixels = read_grey(saved(tmp_path / "a.png", image, **options))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, RAMP)


def test_colour_is_luma(tmp_path):
    """Colours become ITU-R 601 luma: 0.299 R + 0.587 G + 0.114 B."""
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 200, 30]]], np.uint8)
    pixels = read_grey(saved(tmp_path / "a.png", Image.fromarray(colours)))
    assert pixels.tolist() == [[76, 150, 29, 124]]


def test_sixteen_bits_round(tmp_path):
    """16-bit samples are scaled from the full range and rounded, not cut."""
    samples = np.array([[0, 128, 129, 32768, 65406, 65535]], np.uint16)
    pixels = read_grey(saved(tmp_path / "a.png", Image.fromarray(samples)))
    assert pixels.tolist() == [[0, 0, 1, 128, 254, 255]]


DEEP = {
    "12 bits": ([0, 1, 2048, 4095], 12, [0, 0, 128, 255]),
    "10 bits": ([0, 300, 1023], 10, [0, 75, 255]),
    "8 bits": ([0, 7, 255], 8, [0, 7, 255]),
    "14 bits, its white missing": ([0, 8192, 9000], 14, [0, 128, 140]),
    "16 bits, though no white": ([0, 128, 20000], 16, [0, 0, 78]),
}


@pytest.mark.parametrize("name", DEEP)
def test_sixteen_bit_files_of_fewer_bits(tmp_path, name, capsys):
    """12-bit samples that a converter left in a 16-bit PNG keep their grey levels, and a note."""
    samples, bits, expected = DEEP[name]
    path = saved(tmp_path / "a.png", Image.fromarray(np.array([samples], np.uint16)))
    assert read_grey(path).tolist() == [expected]
    assert sample_bits([path]) == bits
    told = capsys.readouterr().out
    assert (f"end at {max(samples)}: read as {bits} bits, white is {2**bits - 1}" in told) == (
        bits < 16
    )


def test_the_set_tells_the_depth(tmp_path, capsys):
    """One dark file of a set is scaled like the others; damaged and 8-bit files do not count."""
    for name, largest in (("dark", 900), ("bright", 3000)):
        samples = np.array([[0, largest], [0, 0]], np.uint16)
        saved(tmp_path / f"{name}.png", Image.fromarray(samples))
    whole = (tmp_path / "bright.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:60])
    saved(tmp_path / "plain.png", Image.fromarray(RAMP))
    read = reader({path.stem: path for path in sorted(tmp_path.glob("*.png"))}, 2)
    with ThreadPoolExecutor(4) as pool:
        pixels = [pixels for pixels, _ in pool.map(read, ["dark", "bright", "dark", "bright"])]
    assert [int(p[0, 1]) for p in pixels] == [56, 187, 56, 187]  # of 4095
    assert read("dark")[1]["bits"] == 12 and "bits" not in read("plain")[1]
    assert capsys.readouterr().out.count("note: ") == 1


def sixteen_bit_colours(samples: np.ndarray) -> bytes:
    """A PNG of (H, W, 3) uint16, which Pillow cannot write."""
    height, width, _ = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return png(struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0), zlib.compress(rows))


def test_sixteen_bit_colours(tmp_path):
    """Of 16-bit colours only the upper bytes are read: refused where that loses the picture."""
    path = tmp_path / "a.png"
    path.write_bytes(sixteen_bit_colours(np.full((2, 2, 3), 0xFF00, np.uint16)))
    assert (read_grey(path) == 255).all()
    path.write_bytes(sixteen_bit_colours(np.full((2, 2, 3), 4095, np.uint16)))
    with pytest.raises(InputError, match="16-bit colour samples of 14 bits or less; write it as a"):
        read_grey(path)


ARROW = np.array([[250, 200, 150], [10, 40, 90]], np.uint8)
# as EXIF defines them: what is done to the stored pixels before a person looks at them
TURNED = {
    1: ARROW,
    2: ARROW[:, ::-1],
    3: ARROW[::-1, ::-1],
    4: ARROW[::-1],
    5: ARROW.T,
    6: np.rot90(ARROW, -1),
    7: ARROW[::-1, ::-1].T,
    8: np.rot90(ARROW),
    9: ARROW,
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_exif_orientation(tmp_path, orientation, depth):
    """Pictures come as a viewer shows them, and their size is known from the header alone."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    samples = ARROW.astype(depth) * (257 if depth == np.uint16 else 1)
    path = saved(tmp_path / "a.png", Image.fromarray(samples), exif=exif)
    np.testing.assert_array_equal(read_grey(path), TURNED[orientation])
    shown = TURNED[orientation].shape[::-1]
    assert shown_size(path) == (shown, orientation if orientation < 9 else 1)
    large = np.kron(ARROW, np.ones((8, 8), np.uint8))
    path = saved(tmp_path / "a.jpg", Image.fromarray(large), exif=exif, quality=95)
    expected = np.kron(TURNED[orientation], np.ones((8, 8), np.uint8))
    assert np.abs(read_grey(path).astype(int) - expected).max() < 10


def test_one_bit(tmp_path):
    """1-bit images are black and white, not 0 and 1."""
    image = Image.fromarray(np.array([[True, False]]))
    assert image.mode == "1"
    assert read_grey(saved(tmp_path / "a.png", image)).tolist() == [[255, 0]]


def test_transparent_is_black(tmp_path):
    """Transparent pixels are black whatever colour they hide; half of white is mid grey."""
    rgba = np.array([[[255, 255, 255, 0], [255, 255, 255, 128], [255, 255, 255, 255]]], np.uint8)
    assert read_grey(saved(tmp_path / "rgba.png", Image.fromarray(rgba))).tolist() == [
        [0, 128, 255]
    ]
    palette = Image.fromarray(np.array([[7, 9]], np.uint8)).convert("P")
    alpha = bytes([255] * 9 + [0])
    assert read_grey(saved(tmp_path / "p.png", palette, transparency=alpha)).tolist() == [[7, 0]]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(tmp_path, mode):
    """JPEG in grey, colour and print colours is decoded to its grey."""
    image = Image.new("L", (16, 8), 155).convert("RGB").convert(mode)
    pixels = read_grey(saved(tmp_path / "a.jpg", image, quality=95))
    assert pixels.shape == (8, 16)
    assert np.abs(pixels.astype(int) - 155).max() <= 1


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_png_is_lossless(pixels):
    """Any 8-bit grey PNG comes back bit for bit, whatever its name says."""
    np.testing.assert_array_equal(images._decode(encoded(pixels, "PNG"), Path("a.jpg")), pixels)


def png(header: bytes, pixels: bytes) -> bytes:
    """A PNG from the content of its header and its compressed rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    return images.PNG + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def bomb(width: int, height: int) -> bytes:
    """A PNG of 60 bytes that claims to be enormous."""
    return png(struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), zlib.compress(b""))


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


BAD = {
    "empty.png": (b"", "the file is empty"),
    "text.png": (b"Not an image, whatever its name says.", "not a PNG, JPEG or DICOM file"),
    "other.gif": (encoded(NOISE, "GIF"), "not a PNG, JPEG or DICOM file but GIF: write it as PNG"),
    "other.tif": (encoded(NOISE, "TIFF"), "not a PNG, JPEG or DICOM file but TIFF: write it as"),
    "cut.png": (encoded(NOISE, "PNG")[:2000], "the file is truncated"),
    "cut_at_the_end.png": (encoded(NOISE, "PNG")[:-1], "the file is truncated"),
    "cut.jpg": (encoded(NOISE, "JPEG")[:1500], "the file is truncated"),
    "cut_at_the_end.jpg": (encoded(NOISE, "JPEG")[:-2], "the file is truncated"),
    "cut_header.jpg": (encoded(NOISE, "JPEG")[:3], "the header is damaged or truncated"),
    "flipped.png": (flipped(encoded(NOISE, "PNG")), "damaged"),
    "large.png": (bomb(10_001, 10_000), "10001 x 10000 pixels are more than 100,000,000"),
    "bomb.png": (bomb(2**20, 2**20), "more than 100,000,000 pixels"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file(tmp_path, name):
    """A bad file is one line: path, what it is not, and why."""
    content, reason = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_grey(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: cannot be read as an image: ")
    assert reason in message
    assert "\n" not in message
    assert "0x" not in message


@given(st.integers(1, 2000), st.sampled_from(["PNG", "JPEG"]))
def test_truncation_never_passes(missing, kind):
    """However much of a PNG or JPEG is missing, it is an error and never grey fill."""
    with pytest.raises(InputError):
        images._decode(encoded(NOISE, kind)[:-missing], Path("a"))


@given(st.binary(max_size=300), st.sampled_from([images.PNG, images.JPEG, bytes(128) + b"DICM"]))
def test_garbage_is_an_input_error(tail, head):
    """Any bytes after a right start are an `InputError`, never a decoder's own exception."""
    with pytest.raises(InputError):
        images._decode(head + tail, Path("a"))


def test_no_file(tmp_path):
    """Folders and missing files are named as such."""
    with pytest.raises(InputError, match=r"cannot be read as an image: it is a folder$"):
        read_grey(tmp_path)
    with pytest.raises(InputError, match=r"cannot be read as an image: no such file or directory$"):
        read_grey(tmp_path / "a.png")


def test_warnings_stay_inside(tmp_path, recwarn):
    """Decoding in threads leaves the warning filters as they were, and warns of nothing."""
    saved(tmp_path / "a.png", Image.fromarray(NOISE))
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read_grey, [tmp_path / "a.png"] * 40))
    assert warnings.filters == before
    assert not recwarn


def test_resize_is_antialiased():
    """A fine checkerboard becomes mid grey instead of moiré."""
    board = np.indices((256, 256)).sum(axis=0) % 2 * np.uint8(255)
    small = to_square(board.astype(np.uint8), 32)
    assert small.shape == (32, 32)
    assert small.dtype == np.uint8
    assert np.abs(small.astype(int) - 127.5).max() <= 1.5


def test_resize_stretches():
    """What is not square is stretched: relative positions stay."""
    wide = np.zeros((50, 200), np.uint8)
    wide[25:, 100:] = 255
    square = to_square(wide, 40)
    assert square[30, 30] == 255
    assert square[10, 30] == square[30, 10] == 0


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(0, 255))
def test_resize_keeps_flat(height, width, size, value):
    """A flat image stays flat, at its value, for any shape."""
    small = to_square(np.full((height, width), value, np.uint8), size)
    assert small.shape == (size, size)
    assert (small == value).all()


def test_facts(tmp_path):
    """The facts identify the file without its folder."""
    path = saved(tmp_path / "a.png", Image.fromarray(NOISE[:32]))
    pixels, facts = reader({"A": path}, 16)("A")
    content = path.read_bytes()
    np.testing.assert_array_equal(pixels, to_square(NOISE[:32], 16))
    assert facts == {
        "file": "a.png",
        "width": 64,
        "height": 32,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


@pytest.mark.parametrize(("shape", "fits"), [((64, 64), 1), ((63, 63), 0), ((64, 65), 0)])
def test_square_of(tmp_path, shape, fits):
    """`square_of` takes any square that is large enough and refuses crops and thumbnails."""
    path = saved(tmp_path / "a.png", Image.fromarray(np.zeros(shape, np.uint8)))
    if fits:
        assert reader({"A": path}, 8, square_of=64)("A")[0].shape == (8, 8)
        return
    with pytest.raises(InputError, match=f"{shape[1]} x {shape[0]} pixels, expected a square of"):
        reader({"A": path}, 8, square_of=64)("A")


WIDE = np.array([[0, 500, 1000, 1500, 2000, 4000]], np.uint16)


def test_dicom_without_window(tmp_path):
    """Without a window the image's own range is shown."""
    assert read_grey(dicom(tmp_path / "a.dcm", WIDE)).tolist() == [[0, 32, 64, 96, 128, 255]]
    assert not read_grey(dicom(tmp_path / "flat.dcm", np.full_like(WIDE, 7))).any()


def test_dicom_window(tmp_path):
    """A stored window maps its centre to mid grey and its edges to black and white."""
    window = {"WindowCenter": [1000, 5], "WindowWidth": [1000, 5], "BitsStored": 12, "HighBit": 11}
    pixels = read_grey(dicom(tmp_path / "a.dcm", WIDE, **window))
    assert pixels.tolist() == [[0, 0, 128, 255, 255, 255]]


@pytest.mark.parametrize(("slope", "expected"), [(2, [0, 0, 128, 255]), (-2, [255, 255, 128, 0])])
def test_dicom_rescale(tmp_path, slope, expected):
    """The window applies to rescaled values, also where the slope is negative."""
    window = {"WindowCenter": slope * 1000 - 100, "WindowWidth": 2000}
    rescale = {"RescaleSlope": slope, "RescaleIntercept": -100, "RescaleType": "US"}
    pixels = read_grey(dicom(tmp_path / "a.dcm", WIDE[:, [0, 1, 2, 3]], **window, **rescale))
    assert pixels.tolist() == [expected]


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_dicom_window_functions(tmp_path, function):
    """All three window functions of the standard give mid grey at the centre, 0 and 255 far off."""
    window = {"WindowCenter": 1000, "WindowWidth": 200, "VOILUTFunction": function}
    pixels = read_grey(dicom(tmp_path / "a.dcm", WIDE[:, [0, 2, 5]], **window))
    assert pixels.tolist() == [[0, 128, 255]]


def lookup(entries: np.ndarray, first: int, bits: int, kind: str, order: str = "<") -> object:
    """An item with a LUT: `US` numbers, `OW` words, or `packed` with an entry in every byte."""
    pydicom = pytest.importorskip("pydicom")
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 65536, first, bits])
    if kind == "US":
        item.add_new("LUTData", "US", entries.tolist())
    elif kind == "OW":
        item.add_new("LUTData", "OW", entries.astype(f"{order}u2").tobytes())
    else:
        words = np.frombuffer(entries.astype(np.uint8).tobytes(), "<u2")
        item.add_new("LUTData", "OW", words.astype(f"{order}u2").tobytes())
    return item


def syntax(order: str) -> object:
    uid = pytest.importorskip("pydicom.uid")
    return uid.ExplicitVRLittleEndian if order == "<" else uid.ExplicitVRBigEndian


STEPS = np.arange(0, 4096, 13, dtype=np.uint16).reshape(4, -1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["US", "OW"])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("first", [0, 700])
def test_dicom_voi_lut_is_pydicom_s(tmp_path, order, kind, bits, first):
    """Of every depth, byte order and representation, a curved VOI LUT is what pydicom makes it."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.pixels import apply_voi_lut

    curve = np.rint((np.arange(4000) / 3999) ** 2 * (2**bits - 1)).astype(np.uint16)
    attributes = {
        "VOILUTSequence": [lookup(curve, first, bits, kind, order)],
        "WindowCenter": 1,
        "WindowWidth": 2,  # a stored table comes before a window
        "syntax": syntax(order),
    }
    path = dicom(tmp_path / "a.dcm", STEPS, **attributes)
    dataset = pydicom.dcmread(path)
    expected = apply_voi_lut(dataset.pixel_array, dataset) / (2**bits - 1) * 255
    np.testing.assert_array_equal(read_grey(path), np.rint(expected))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["US", "OW", "packed"])
@pytest.mark.parametrize("count", [256, 4096])
def test_dicom_voi_lut_of_8_bits(tmp_path, order, kind, count):
    """8-bit entries in words or in bytes, few or many: a falling ramp falls."""
    entries = 255 - np.arange(count) * 256 // count
    item = lookup(entries, 0, 8, kind, order)
    values = STEPS if count == 4096 else STEPS // 16
    path = dicom(tmp_path / "a.dcm", values, VOILUTSequence=[item], syntax=syntax(order))
    np.testing.assert_array_equal(read_grey(path), entries[values])


@pytest.mark.parametrize(("said", "used"), [(16, 12), (16, 10), (12, 16), (8, 12)])
def test_dicom_voi_lut_that_states_other_bits(tmp_path, said, used):
    """Entries that do not fill the bits they are said to have are shown over their own range."""
    ramp = (np.arange(4096) * (2**used - 1) // 4095).astype(np.uint16)
    path = dicom(tmp_path / "a.dcm", STEPS, VOILUTSequence=[lookup(ramp, 0, said, "OW")])
    expected = np.rint(ramp[STEPS] / (2**used - 1) * 255)
    np.testing.assert_array_equal(read_grey(path), expected)


def test_dicom_lookup_tables_below_zero(tmp_path):
    """First values below 0, as rescaling makes them, count from there, with either sign written."""
    ramp = np.arange(2048, dtype=np.uint16) * 32 + 31
    rescale = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    values = np.array([[0, 1024, 2047]], np.uint16)
    for first in (-1024, 65536 - 1024):
        item = lookup(ramp, first, 16, "OW")
        path = dicom(tmp_path / "a.dcm", values, VOILUTSequence=[item], **rescale)
        assert read_grey(path).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_dicom_modality_lut(tmp_path, bits):
    """A modality table comes before the window, whatever the bits of its entries."""
    table = np.arange(4096)[::-1] * (2**bits - 1) // 4095
    item = lookup(table, 0, bits, "OW")
    middle = 2 ** (bits - 1)
    window = {"WindowCenter": middle, "WindowWidth": middle, "ModalityLUTSequence": [item]}
    path = dicom(tmp_path / "a.dcm", np.array([[0, 2048, 4095]], np.uint16), **window)
    black, grey, white = read_grey(path)[0].tolist()
    assert (black, white) == (255, 0) and abs(grey - 128) <= 2


PADDING = {
    "high": (65535, {"PixelPaddingValue": 65535}),
    "range": (63000, {"PixelPaddingValue": 65535, "PixelPaddingRangeLimit": 60000}),
    "turned": (63000, {"PixelPaddingValue": 60000, "PixelPaddingRangeLimit": 65535}),
    "low": (0, {"PixelPaddingValue": 0}),
}


@pytest.mark.parametrize("name", PADDING)
def test_dicom_padding(tmp_path, name):
    """What fills up the frame is black and takes no part in the range of the tissue."""
    value, attributes = PADDING[name]
    values = np.array([[value, 1000, 1500, 2000]], np.uint16)
    assert read_grey(dicom(tmp_path / "a.dcm", values, **attributes)).tolist() == [[0, 0, 128, 255]]
    window = {"WindowCenter": 1500, "WindowWidth": 1001, "VOILUTFunction": "LINEAR_EXACT"}
    path = dicom(tmp_path / "b.dcm", values, **attributes, **window)
    assert read_grey(path).tolist() == [[0, 0, 128, 255]]
    negative = {"PhotometricInterpretation": "MONOCHROME1", **attributes}
    path = dicom(tmp_path / "c.dcm", values, **negative)
    assert read_grey(path).tolist() == [[0, 255, 127, 0]]


def test_dicom_padding_of_signed_pixels(tmp_path):
    """-2000 is padding whether it is written as -2000 or as 63536; all padding is all black."""
    pydicom = pytest.importorskip("pydicom")
    values = np.array([[-2000, 0, 500, 1000]], np.int16)
    for written in (-2000, 63536):
        path = dicom(tmp_path / "a.dcm", values)
        dataset = pydicom.dcmread(path)
        dataset.add_new("PixelPaddingValue", "SS" if written < 0 else "US", written)
        dataset.save_as(path)
        assert read_grey(path).tolist() == [[0, 0, 128, 255]]
    blank = dicom(tmp_path / "b.dcm", np.full((2, 2), 9, np.uint16), PixelPaddingValue=9)
    assert not read_grey(blank).any()


def test_dicom_presentation_shape(tmp_path):
    """INVERSE turns the picture, once also where MONOCHROME1 says the same; IDENTITY does not."""
    plain = read_grey(dicom(tmp_path / "a.dcm", WIDE))
    one, two = ({"PhotometricInterpretation": f"MONOCHROME{k}"} for k in (1, 2))
    for kind, shape, turned in (
        (two, "INVERSE", True),
        (one, "INVERSE", True),
        (two, "IDENTITY", False),
    ):
        path = dicom(tmp_path / "b.dcm", WIDE, PresentationLUTShape=shape, **kind)
        np.testing.assert_array_equal(read_grey(path), 255 - plain if turned else plain)


def test_dicom_attributes_without_a_value(tmp_path):
    """Empty window, window function, rescaling, padding and shape are as good as none."""
    names = ["WindowCenter", "WindowWidth", "VOILUTFunction", "RescaleSlope", "RescaleIntercept"]
    names += ["PixelPaddingValue", "PresentationLUTShape", "NumberOfFrames"]
    path = dicom(tmp_path / "a.dcm", WIDE, **dict.fromkeys(names))
    assert read_grey(path).tolist() == [[0, 32, 64, 96, 128, 255]]
    window = {"WindowCenter": 1000, "WindowWidth": 1000, "VOILUTFunction": ""}
    assert read_grey(dicom(tmp_path / "b.dcm", WIDE, **window)).tolist() == [
        [0, 0, 128, 255, 255, 255]
    ]


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 1000, "WindowWidth": 1500}])
def test_dicom_monochrome1(tmp_path, window):
    """MONOCHROME1 is the negative of MONOCHROME2, with and without a window."""
    plain = read_grey(dicom(tmp_path / "a.dcm", WIDE, **window))
    negative = {"PhotometricInterpretation": "MONOCHROME1", **window}
    inverted = read_grey(dicom(tmp_path / "b.dcm", WIDE, **negative))
    np.testing.assert_array_equal(inverted, 255 - plain)


def test_dicom_signed_and_bytes(tmp_path):
    """Signed and 8-bit pixels are read as what they are; the name does not matter."""
    signed = dicom(tmp_path / "a", np.array([[-100, 0, 100]], np.int16))
    assert read_grey(signed).tolist() == [[0, 128, 255]]
    assert read_grey(dicom(tmp_path / "b.png", RAMP)).tolist() == RAMP.tolist()


BAD_DICOM = {
    "frames": ({"NumberOfFrames": 2}, "2 frames; a radiograph has one"),
    "colour": ({"PhotometricInterpretation": "PALETTE COLOR"}, "DICOM with PALETTE COLOR pixels"),
    "samples": (
        {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "Columns": 2},
        "a radiograph has two dimensions",
    ),
    "huge": ({"Rows": 60_000, "Columns": 60_000}, "more than 100,000,000"),
    "short": ({"Rows": 600}, "damaged or unsupported"),
    "window": ({"WindowCenter": 5, "WindowWidth": 0}, "damaged or unsupported"),
    "slope": (
        {"RescaleSlope": 0, "RescaleIntercept": 0, "WindowCenter": 5, "WindowWidth": 9},
        "no finite brightness",
    ),
}


@pytest.mark.parametrize("name", BAD_DICOM)
def test_bad_dicom(tmp_path, name):
    """DICOM that is no single grey picture is one plain line too."""
    attributes, reason = BAD_DICOM[name]
    frames = np.stack([WIDE, WIDE]) if name == "frames" else WIDE
    path = dicom(tmp_path / "a.dcm", frames, **attributes)
    with pytest.raises(InputError, match=reason) as caught:
        read_grey(path)
    assert "\n" not in str(caught.value)


def test_cut_dicom(tmp_path):
    """A DICOM file cut in or before its pixels is an error, and so is text with its name."""
    path = dicom(tmp_path / "a.dcm", WIDE)
    content = path.read_bytes()
    for rest in (content[:-4], content[:-30], content[:140]):
        path.write_bytes(rest)
        with pytest.raises(InputError, match="cannot be read as an image"):
            read_grey(path)
    path.write_text("text")
    with pytest.raises(InputError, match="no DICOM header"):
        read_grey(path)


def test_dicom_without_pydicom(tmp_path, monkeypatch):
    """Without pydicom the message says what to install, and PNG still works."""
    path = tmp_path / "a.dcm"
    path.write_bytes(bytes(128) + b"DICM")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingReaderError, match=r"pip install 'clnlib\[dicom\]'"):
        read_grey(path)
    assert read_grey(saved(tmp_path / "a.png", Image.fromarray(RAMP))).shape == (16, 16)


DEEP_NOISE = np.random.default_rng(1).integers(0, 4096, (48, 40), dtype=np.uint16)
COMPRESSED = [
    "JPEGLosslessSV1",
    "JPEGLossless",
    "JPEGLSLossless",
    "JPEG2000Lossless",
    "RLELossless",
]


def compressed(path: Path, name: str) -> Path:
    """12-bit noise in one of the standard's lossless compressions."""
    uid = getattr(pytest.importorskip("pydicom.uid"), name)
    twelve = {"BitsStored": 12, "HighBit": 11}
    if name.startswith("JPEGLossless"):
        return dicom(
            path, DEEP_NOISE, codestream=lossless_jpeg(DEEP_NOISE, 12), syntax=uid, **twelve
        )
    dataset = pytest.importorskip("pydicom").dcmread(dicom(path, DEEP_NOISE, **twelve))
    dataset.compress(uid, generate_instance_uid=False)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("name", COMPRESSED)
def test_dicom_compressions_of_hospitals(tmp_path, name):
    """With the `dicom` extra, lossless files come back bit for bit, also from several threads."""
    if name != "RLELossless":
        for package in ("libjpeg", "openjpeg", "jpeg_ls"):
            pytest.importorskip(package)
    expected = read_grey(dicom(tmp_path / "a.dcm", DEEP_NOISE, BitsStored=12, HighBit=11))
    path = compressed(tmp_path / "b.dcm", name)
    with ThreadPoolExecutor(4) as pool:
        for pixels in pool.map(read_grey, [path] * 8):
            np.testing.assert_array_equal(pixels, expected)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(images.ImageError):
        read_grey(path)


@pytest.mark.parametrize("left", [set(), {"pillow"}])
@pytest.mark.parametrize("name", ["JPEGLosslessSV1", "JPEGExtended12Bit", "JPEGLSLossless"])
def test_dicom_without_a_decoder(tmp_path, monkeypatch, name, left):
    """A decoder that is not installed is a missing reader, never a damaged file."""
    uid = getattr(pytest.importorskip("pydicom.uid"), name)
    from pydicom.pixels import get_decoder

    kept = {plugin: f for plugin, f in get_decoder(uid)._available.items() if plugin in left}
    monkeypatch.setattr(get_decoder(uid), "_available", kept)
    stream = lossless_jpeg(DEEP_NOISE, 12)
    path = dicom(tmp_path / "a.dcm", DEEP_NOISE, codestream=stream, syntax=uid)
    with pytest.raises(MissingReaderError, match=r"needs a decoder: pip install 'clnlib\[dicom\]'"):
        read_grey(path)
    assert shown_size(path) == ((40, 48), 1)


def test_dicom_that_pydicom_cannot_decode(tmp_path):
    """A film in place of a picture is a missing reader too: the file need not be damaged."""
    uid = pytest.importorskip("pydicom.uid").MPEG2MPML
    path = dicom(tmp_path / "a.dcm", DEEP_NOISE, codestream=b"film", syntax=uid)
    with pytest.raises(MissingReaderError, match=r"no decoder for MPEG2.*gdcmconv --raw"):
        read_grey(path)
