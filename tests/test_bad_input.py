"""One table of what readers get wrong: each case is refused, or read right, in one clear line.

The hostile files themselves are tested closer to their readers (`test_images`, `test_nih`,
`test_coco`, `test_weights`, `test_notebooks`); this table holds the messages side by side.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from clnlib import runs
from clnlib.data import images, nih
from clnlib.errors import InputError
from clnlib.parameters import Train

HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
GOOD = "00013118_008.png,Atelectasis,225.08,547.02,86.78,79.19,,,"


def _png(path, pixels):
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "truncated",
            r"a\.png: cannot be read as an image: .*(truncated|cut short|incomplete|end)",
        ),
        ("empty", r"a\.png: cannot be read as an image: .*empty"),
        ("text", r"a\.png: cannot be read as an image: .*not a PNG, JPEG or DICOM"),
        ("missing", r"a\.png: .*(no such file|does not exist)"),
    ],
)
def test_images(tmp_path, content, message):
    """A bad image file is named with the reason."""
    path = tmp_path / "a.png"
    whole = _png(path, np.zeros((64, 64), np.uint8))
    if content == "missing":
        path.unlink()
    else:
        path.write_bytes({"truncated": whole[:-15], "empty": b"", "text": b"hello"}[content])
    with pytest.raises(InputError, match=message) as told:
        images.read_grey(path)
    assert "\n" not in str(told.value)


def test_a_16_bit_png_is_read_right(tmp_path):
    """16 bits are no error: the full range becomes the full range."""
    _png(tmp_path / "a.png", np.array([[0, 257 * 128, 65535]], np.uint16))
    assert images.read_grey(tmp_path / "a.png").tolist() == [[0, 128, 255]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "00013118_009.png,Atelectasis,1000.0,547.02,86.78,79.19,,,",
            r"line 3.*must be at most 1024",
        ),
        ("00013118_009.png,Atelectasis,225.08,547.02,-86.78,79.19,,,", r"line 3.*-86\.78"),
        ("00013118_009.png,Atelectasis,nan,547.02,86.78,79.19,,,", r"line 3.*nan"),
        ("00013118_009.png,Atelectosis,225.08,547.02,86.78,79.19,,,", "did you mean 'Atelectasis'"),
        (GOOD, r"line 3.*"),
    ],
    ids=["outside the frame", "negative width", "NaN coordinate", "unknown finding", "duplicate"],
)
def test_box_table(tmp_path, row, message):
    """A bad row of a box table is named by file, line and value."""
    path = tmp_path / "boxes.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n{row}\n")
    with pytest.raises(InputError, match=message) as told:
        nih.load_boxes(path)
    assert "boxes.csv" in str(told.value) and "\n" not in str(told.value)


def test_a_wrong_header(tmp_path):
    """The columns found and expected are both listed."""
    path = tmp_path / "boxes.csv"
    path.write_text("name,label,a,b,c,d\n")
    with pytest.raises(InputError, match=r"boxes\.csv.*name.*[Ff]inding"):
        nih.load_boxes(path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lam": 1.5}, r"parameter lam=1\.5: input should be less than or equal to 1"),
        ({"lamda": 0.2}, "unknown parameter 'lamda' of train; did you mean 'lam'"),
        ({"backbone": "resnet50"}, "did you mean 'resnet50v2'"),
        ({"dataset": "nih800"}, "did you mean 'nih880'"),
        ({"epochs": 0}, "parameter epochs=0"),
    ],
)
def test_parameters(given, message):
    """A wrong name or value is refused before any work, with the nearest right one."""
    with pytest.raises(InputError, match=message):
        Train.check(given)


def test_a_run_without_done(tmp_path):
    """An unfinished record is never read, and the message says how to finish it."""
    (tmp_path / "parameters.json").write_text("{}")
    with pytest.raises(InputError, match=r"no file `done` in it.*run the same training"):
        runs.read(tmp_path)


@pytest.fixture(scope="module")
def fuzz():
    """The script that damages the input of every reader at random."""
    path = Path(__file__).parents[1] / "benchmarks" / "fuzz_readers.py"
    spec = importlib.util.spec_from_file_location("fuzz_readers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("reader", "inputs"),
    [
        ("coco", 60),
        ("dicom", 60),
        ("picture", 60),
        ("table", 40),
        pytest.param("weights", 4, marks=pytest.mark.slow),
    ],
)
def test_damaged_at_random(fuzz, tmp_path_factory, reader, inputs):
    """Whatever is in the files: a refusal in one line or a right value, no other exception."""
    folder = tmp_path_factory.mktemp(reader)
    if reader == "dicom":
        pytest.importorskip("pydicom")

    @settings(max_examples=inputs, suppress_health_check=[HealthCheck.too_slow])
    @given(number=st.integers(0, 2**40))
    def run(number):
        assert fuzz.attempt(reader, number, folder) in ("read", "refused")

    run()
