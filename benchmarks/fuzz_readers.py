"""Whatever a reader's files contain: a clear refusal or a right value, never another exception.

    python benchmarks/fuzz_readers.py [--inputs 12000] [--seed 0] [--only dicom]

Good inputs of every reader are damaged at random: COCO JSON by values and by bytes, DICOM by header
and by bytes, PNG and JPEG, the NIH tables and lists, weight files. Each input has a number; the
same number makes the same input, so that `--seed N --inputs 1 --only dicom` repeats one. What is
read must hold what the reader promises (boxes inside their images, pixels of the size that the
header says, finite weights). Inputs that raise anything but an `InputError` of one line are printed
with their numbers, and the script ends with 1. Decoders and HDF5 are C code: should one bring the
process down, the last line says at which input.
"""

import argparse
import contextlib
import copy
import gzip
import io
import json
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from clnlib.data import coco, images, nih
from clnlib.errors import InputError

SHARES = {"coco": 0.3, "dicom": 0.3, "picture": 0.25, "table": 0.13, "weights": 0.02}
"""Of the inputs, for each reader: a weight file takes a thousand times as long as a picture."""

ODD: list[Any] = [
    *(None, True, 0, 1, -1, 0.5, -0.0, 1e308, -1e-308, float("nan"), float("inf"), 10**400, 2**63),
    *("", " ", "x" * 5000, "\\", "\0", "\ud800", "..", "./", "a/../../b", "/", "é", "e\u0301", "0"),
    *([], {}, [[]], [0, 0, 1, 1], {"rotation": 45}, {"rotation": "x"}, 65535, "nan", "1e999"),
]


def scrambled(rng: random.Random, data: bytes) -> bytes:
    """Bytes with a few flipped, cut out, doubled, zeroed or put in."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        a = rng.randrange(len(out) + 1)
        b = min(len(out), a + rng.choice([1, 1, 2, 4, 16, 200]))
        match rng.randrange(6):
            case 0 if a < len(out):
                out[a] ^= 1 << rng.randrange(8)
            case 1:
                out[a:b] = rng.randbytes(b - a)
            case 2:
                del out[a:b]
            case 3:
                out[a:a] = out[a:b]
            case 4:
                out[a:b] = bytes(b - a)
            case 5:
                del out[a:]
    return bytes(out)


def altered(rng: random.Random, tree: Any) -> Any:
    """A JSON value with a few of its parts replaced, removed, doubled or moved."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place, key = None, None
        inside = tree
        while isinstance(inside, dict | list) and inside and (place is None or rng.random() < 0.8):
            place = inside
            key = rng.choice(list(inside) if isinstance(inside, dict) else range(len(inside)))
            inside = inside[key]
        if place is None:
            return rng.choice(ODD)
        match rng.randrange(5):
            case 0:
                del place[key]
            case 1 if isinstance(place, list):
                place.append(copy.deepcopy(inside))
            case 2 if isinstance(inside, int | float) and abs(inside) < 1e9:
                place[key] = inside * rng.choice([-1, 0.01, 1.01, 2, 1e9]) + rng.choice([0, 1])
            case 3 if isinstance(place, dict):
                name = rng.choice(["area", "attributes", "patient", "iscrowd", "id", "file_name"])
                place[name] = copy.deepcopy(inside)
            case _:
                place[key] = copy.deepcopy(rng.choice(ODD))
    return tree


# one function for each reader: make the input of a number and read it


@cache
def coco_base() -> dict[str, Any]:
    return {
        "images": [
            {"id": k, "file_name": f"0000000{k}_000.png", "width": 40, "height": 20}
            for k in range(4)
        ],
        "annotations": [
            {"id": k, "image_id": k % 4, "category_id": k % 2, "bbox": [k, 6, 20, 8], "area": 160,
             "attributes": {"rotation": 90 * (k % 2)}, "segmentation": [], "iscrowd": 0}
            for k in range(8)
        ],
        "categories": [{"id": 0, "name": "nodule"}, {"id": 1, "name": "mass"}],
    }  # fmt: skip


def read_coco(rng: random.Random, folder: Path) -> None:
    for k in range(4):
        if not (file := folder / f"0000000{k}_000.png").exists():
            Image.new("L", (40, 20), k).save(file)
    path = folder / "coco.json"
    text = json.dumps(altered(rng, coco_base()))
    data = text.encode("utf-8", "surrogatepass")
    path.write_bytes(scrambled(rng, data) if rng.random() < 0.2 else data)
    boxes, files, categories = coco.load_coco(path)
    corners = boxes[coco.CORNERS].to_numpy()
    assert np.isfinite(corners).all() and corners.min() >= 0 and corners.max() <= 1
    assert (corners[:, 2:] > corners[:, :2]).all()
    assert set(boxes["image"]) == set(files) and set(boxes["finding"]) <= set(categories)
    assert all(file.is_file() for file in files.values())
    assert (boxes["patient"].str.len() > 0).all()


@cache
def dicom_bases() -> list[bytes]:
    """Small DICOM files of every kind that can be made here."""
    import pydicom
    from pydicom.dataset import FileMetaDataset

    ramp = np.arange(24 * 20, dtype=np.uint16).reshape(24, 20) * 8
    bases = []
    for syntax in (
        pydicom.uid.ExplicitVRLittleEndian,
        pydicom.uid.ImplicitVRLittleEndian,
        pydicom.uid.ExplicitVRBigEndian,
        pydicom.uid.RLELossless,
        pydicom.uid.JPEGLSLossless,
        pydicom.uid.JPEG2000Lossless,
    ):
        dataset = pydicom.Dataset()
        dataset.file_meta = FileMetaDataset()
        native = pydicom.uid.ExplicitVRLittleEndian if syntax.is_encapsulated else syntax
        dataset.file_meta.TransferSyntaxUID = native
        dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
        dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
        dataset.Rows, dataset.Columns = ramp.shape
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelRepresentation, dataset.PixelPaddingValue = 0, 0
        item = pydicom.Dataset()
        item.LUTDescriptor = [4096, 0, 12]
        table = np.arange(4096, dtype=np.uint16)
        big = not native.is_little_endian
        item.add_new("LUTData", "OW", (table.byteswap() if big else table).tobytes())
        if len(bases) % 2:
            dataset.VOILUTSequence = [item]
        else:
            dataset.WindowCenter, dataset.WindowWidth = 2000, 3000
            dataset.RescaleSlope, dataset.RescaleIntercept = 1, -24
        dataset.add_new("PixelData", "OW", (ramp.byteswap() if big else ramp).tobytes())
        try:
            if syntax.is_encapsulated:
                dataset.compress(syntax, generate_instance_uid=False)
        except (RuntimeError, NotImplementedError):
            continue  # no encoder here
        buffer = io.BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        bases.append(buffer.getvalue())
    return bases


NUMBERS = [0, 1, 2, 7, 8, 12, 16, 20, 24, 32, 255, 256, 4096, 32767]
TEXTS = [
    "0",
    "1",
    "-1",
    "1e300",
    "nan",
    "x",
    "MONOCHROME1",
    "INVERSE",
    "SIGMOID",
    "",
    "1\\2",
    "2\\x",
]
MORE = ["PresentationLUTShape", "VOILUTFunction", "NumberOfFrames", "RescaleSlope", "WindowWidth"]


def alter_header(rng: random.Random, data: bytes) -> bytes:
    """A DICOM file with a few elements of another value or none, as `pydicom` can write them."""
    import pydicom

    dataset = pydicom.dcmread(io.BytesIO(data))
    for _ in range(rng.choice([1, 1, 2, 4])):
        inner = dataset
        if "VOILUTSequence" in dataset and rng.random() < 0.4:
            inner = dataset.VOILUTSequence[0]
        element = inner[rng.choice(list(inner.keys()))]
        value = rng.choice(NUMBERS)
        if element.keyword == "LUTDescriptor":
            element.value = [rng.choice([0, 1, 256, 4096]), rng.choice(NUMBERS), value]
        elif element.keyword == "PixelData" and dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            frame = scrambled(rng, pydicom.encaps.get_frame(element.value, 0, number_of_frames=1))
            element.value = pydicom.encaps.encapsulate([frame])
        elif element.VR in ("OB", "OW"):
            element.value = scrambled(rng, element.value)
        elif rng.random() < 0.3:
            del inner[element.tag]
        elif element.VR in ("US", "SS"):
            element.value = [value] * 3 if rng.random() < 0.1 else value
        elif element.VR != "SQ":
            inner.add_new(element.tag, "LO", rng.choice(TEXTS))
    if rng.random() < 0.3:
        dataset.add_new(rng.choice(MORE), "LO", rng.choice(TEXTS))
    if rng.random() < 0.2:
        dataset.add_new("PixelPaddingRangeLimit", "US", rng.choice(NUMBERS))
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def read_dicom(rng: random.Random, folder: Path) -> None:
    base = rng.choice(dicom_bases())
    data = scrambled(rng, base)
    if rng.random() < 0.6:
        # what pydicom itself refuses to write stays scrambled
        with contextlib.suppress(Exception):
            data = alter_header(rng, base)
    path = folder / rng.choice(["a.dcm", "IM1"])
    path.write_bytes(data)
    check_picture(path)


@cache
def picture_bases() -> list[bytes]:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (24, 20), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures = [
        (Image.fromarray(grey), "PNG"),
        (Image.fromarray(grey.astype(np.uint16) * 16), "PNG"),
        (Image.fromarray(np.stack([grey] * 4, axis=-1)), "PNG"),
        (Image.fromarray(grey).convert("P"), "PNG"),
        (Image.fromarray(grey), "JPEG"),
        (Image.fromarray(np.stack([grey] * 3, axis=-1)), "JPEG"),
    ]
    bases = []
    for image, kind in pictures:
        for options in ({}, {"exif": exif}):
            buffer = io.BytesIO()
            image.save(buffer, kind, **options)
            bases.append(buffer.getvalue())
    return bases


def read_picture(rng: random.Random, folder: Path) -> None:
    path = folder / rng.choice(["a.png", "a.jpg", "a"])
    path.write_bytes(scrambled(rng, rng.choice(picture_bases())))
    check_picture(path)


def check_picture(path: Path) -> None:
    """What is read has two dimensions, and those of the header; the set's depth can be asked."""
    images.sample_bits([path])
    grey = images.read_grey(path)
    assert grey.dtype == np.uint8 and grey.ndim == 2 and grey.size
    assert images.shown_size(path)[0] == grey.shape[::-1]
    assert images.to_square(grey, 8).shape == (8, 8)


BOXES = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n" + "".join(
    f"0000000{k}_00{k}.png,Mass,{k},20.5,300,{k + 40},,,\n" for k in range(6)
)
LABELS = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n"
    + "".join(f"0000000{k}_00{k}.png,Mass|Hernia,{k},{k},05{k}Y,M,PA\n" for k in range(6))
)
LIST = "".join(f"0000000{k}_000.png\n" for k in range(6))


def read_table(rng: random.Random, folder: Path) -> None:
    kind = rng.choice(["boxes", "labels", "lists"])
    text = {"boxes": BOXES, "labels": LABELS, "lists": LIST}[kind]
    if rng.random() < 0.5:
        lines = [line.split(",") for line in text.splitlines()]
        for _ in range(rng.choice([1, 2, 4])):
            line = rng.choice(lines)
            line[rng.randrange(len(line))] = str(rng.choice(ODD))
        text = "\n".join(map(",".join, lines))
    data = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.5:
        data = scrambled(rng, data)
    packed = rng.random() < 0.3
    if packed and kind != "lists":
        data = gzip.compress(data)
        data = scrambled(rng, data) if rng.random() < 0.5 else data
    path = folder / ("table.csv.gz" if packed else "table.csv")
    path.write_bytes(data)
    if kind == "boxes":
        corners = nih.load_boxes(path)[["x1", "y1", "x2", "y2"]].to_numpy()
        assert (corners >= 0).all() and (corners <= 1).all()
        assert (corners[:, 2:] > corners[:, :2]).all()
    elif kind == "labels":
        labels = nih.load_labels(path)
        assert labels["age"].between(0, 999).all() and not labels["image"].duplicated().any()
    else:
        (folder / "train_val_list.txt").write_bytes(data)
        (folder / "test_list.txt").write_text("00000009_000.png\n")
        assert not nih.load_official_split(folder)["image"].duplicated().any()


BACKBONE = "mobilenetv3small"


@cache
def weight_bases() -> tuple[Any, Any, list[bytes]]:
    """A network to load into, a model like those that files are read with, files of two formats."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    from clnlib.model import backbones, network

    model = network.build_cln(BACKBONE, 32)
    donor = backbones.application(BACKBONE)
    bases = []
    with tempfile.TemporaryDirectory() as folder:
        new, old = Path(folder, "a.weights.h5"), Path(folder, "a.h5")
        donor.save_weights(new)
        with h5py.File(old, "w") as content:
            legacy_h5_format.save_weights_to_hdf5_group(content, donor)
        bases = [new.read_bytes(), old.read_bytes()]
    return model, donor, bases


def read_weights(rng: random.Random, folder: Path) -> None:
    import h5py

    from clnlib.model import backbones, network, weights

    model, donor, bases = weight_bases()
    path = folder / rng.choice(["a.weights.h5", "a.h5"])
    data = rng.choice(bases)
    if rng.random() < 0.5:
        # most of a file is numbers: the first bytes hold its structure
        head = rng.choice([2000, 20000, len(data)])
        data = scrambled(rng, data[:head]) + data[head:]
    path.write_bytes(data)
    if rng.random() < 0.4:
        # a file that was damaged before may stay as it is
        with contextlib.suppress(Exception), h5py.File(path, "a") as content:
            alter_arrays(rng, content)
    # one donor is enough for all files, whose building would take most of the time
    with mock.patch.object(backbones, "application", return_value=donor):
        weights.load(model, BACKBONE, str(path))
    loaded = [a for layer in network.backbone_layers(model) for a in layer.get_weights()]
    assert all(np.isfinite(array).all() for array in loaded)
    written: list[Any] = []
    with h5py.File(path) as content:
        content.visititems(lambda _, item: written.append(item) if hasattr(item, "shape") else None)
        sums = [sorted(float(np.sum(a[...])) for a in arrays) for arrays in (loaded, written)]
    assert np.allclose(*sums), "not every array of the file has arrived"


def alter_arrays(rng: random.Random, content: Any) -> None:
    """Arrays or attributes of an HDF5 file removed, reshaped, renamed or made not finite."""
    names: list[str] = []
    content.visit(names.append)
    name = rng.choice(names)
    match rng.randrange(5):
        case 0:
            del content[name]
        case 1:
            content.move(name, name + "x")
        case 2 if content.attrs:
            del content.attrs[rng.choice(list(content.attrs))]
        case 3:
            arrays = [n for n in names if hasattr(content[n], "shape") and content[n].shape]
            content[rng.choice(arrays)][...] = rng.choice([float("nan"), float("inf")])
        case _:
            del content[name]
            content[name] = rng.choice([np.zeros((2, 3)), np.array(b"text"), np.zeros(0)])


READERS: dict[str, Callable[[random.Random, Path], None]] = {
    "coco": read_coco,
    "dicom": read_dicom,
    "picture": read_picture,
    "table": read_table,
    "weights": read_weights,
}


def attempt(reader: str, number: int, folder: Path) -> str:
    """Read the input of a number: "read" or "refused"; any other exception comes through."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # the readers' notes
            READERS[reader](random.Random(f"{reader} {number}"), folder)
    except InputError as error:
        assert "\n" not in str(error) and str(error).encode(), f"no plain line: {error!r}"
        return "refused"
    return "read"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", choices=READERS, help="one reader gets all inputs")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    wrong = 0
    print("reader    inputs  refused  read  wrong  seconds")
    for reader, share in SHARES.items():
        if options.only not in (None, reader):
            continue
        number = options.inputs if options.only else round(options.inputs * share)
        outcomes: Counter[str] = Counter()
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            for k in range(options.seed, options.seed + number):
                print(f"\r{reader} {k}", end="", file=sys.stderr, flush=True)
                try:
                    outcomes[attempt(reader, k, Path(folder))] += 1
                except Exception:
                    outcomes["wrong"] += 1
                    print(f"\n{reader}, input {k}:\n{traceback.format_exc()}", file=sys.stderr)
        print("\r", end="", file=sys.stderr)
        wrong += outcomes["wrong"]
        told = [outcomes[key] for key in ("refused", "read", "wrong")]
        print(f"{reader:<9} {number:>6} {told[0]:>8} {told[1]:>5} {told[2]:>6}"
              f" {time.monotonic() - start:>8.0f}")  # fmt: skip
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
