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
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from clnlib.data import images
from clnlib.data.images import read_file, read_grey, to_square
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


def bomb(width: int, height: int) -> bytes:
    """A PNG of 60 bytes that claims to be enormous."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        images.PNG
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


BAD = {
    "empty.png": (b"", "the file is empty"),
    "text.png": (b"Not an image, whatever its name says.", "not a PNG, JPEG or DICOM file"),
    "other.gif": (encoded(NOISE, "GIF"), "not a PNG, JPEG or DICOM file"),
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


def test_read_file_facts(tmp_path):
    """The facts identify the file without its folder."""
    path = saved(tmp_path / "a.png", Image.fromarray(NOISE[:32]))
    pixels, facts = read_file(path, 16)
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
        assert read_file(path, 8, square_of=64)[0].shape == (8, 8)
        return
    with pytest.raises(InputError, match=f"{shape[1]} x {shape[0]} pixels, expected a square of"):
        read_file(path, 8, square_of=64)


def dicom(path: Path, pixels: np.ndarray, **attributes: object) -> Path:
    """Write an uncompressed explicit VR little endian DICOM file."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.BitsAllocated = dataset.BitsStored = pixels.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in attributes.items():
        setattr(dataset, name, value)
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    dataset.save_as(path, enforce_file_format=True)
    return path


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


@pytest.mark.parametrize("depth", [8, 16])
def test_dicom_lookup_table(tmp_path, depth):
    """A stored table is used before a window; 12-bit input to 8-bit output does not wrap."""
    pydicom = pytest.importorskip("pydicom")
    item = pydicom.Dataset()
    table = (np.arange(4096) * (2**depth - 1) // 4095).astype("<u2")
    item.add_new("LUTDescriptor", "US", [4096, 0, depth])
    item.add_new("LUTData", "OW", table.tobytes())
    values = np.array([[0, 2048, 4095]], np.uint16)
    options = {"VOILUTSequence": [item], "WindowCenter": 1, "WindowWidth": 2}
    pixels = read_grey(dicom(tmp_path / "a.dcm", values, **options))
    assert np.abs(pixels.astype(int) - [[0, 128, 255]]).max() <= 1


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
    with pytest.raises(InputError, match=r"pip install 'clnlib\[dicom\]'"):
        read_grey(path)
    assert read_grey(saved(tmp_path / "a.png", Image.fromarray(RAMP))).shape == (16, 16)
