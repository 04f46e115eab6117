"""Promises of the phantom radiographs: same bytes anywhere, findings inside their boxes."""

import hashlib
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clnlib.data import phantom
from clnlib.errors import InputError
from clnlib.findings import BOXED, LABELLED

IMAGE = "00000001_000.png"
# Hand-made boxes, each where its finding usually lies; multiples of 1/64, so pixel-exact at 64.
BOXES = {
    "Atelectasis": (10 / 64, 34 / 64, 22 / 64, 42 / 64),
    "Cardiomegaly": (20 / 64, 24 / 64, 50 / 64, 48 / 64),
    "Effusion": (44 / 64, 28 / 64, 58 / 64, 46 / 64),
    "Infiltration": (10 / 64, 24 / 64, 28 / 64, 42 / 64),
    "Mass": (12 / 64, 22 / 64, 24 / 64, 34 / 64),
    "Nodule": (43 / 64, 24 / 64, 48 / 64, 29 / 64),
    "Pneumonia": (42 / 64, 24 / 64, 57 / 64, 42 / 64),
    "Pneumothorax": (40 / 64, 8 / 64, 54 / 64, 26 / 64),
}


def change(finding, size=64, image=IMAGE, contrast=1.0):
    """The change a finding makes, and its box as a mask."""
    box = BOXES[finding]
    drawn = phantom.draw(image, [(finding, box)], size, contrast).astype(int)
    x1, y1, x2, y2 = (round(value * size) for value in box)
    inside = np.zeros((size, size), dtype=bool)
    inside[y1:y2, x1:x2] = True
    return drawn - phantom.draw(image, [], size), inside


def test_same_call_gives_same_bytes():
    """Equal arguments give equal bytes, in any order of the boxes."""
    boxes = list(BOXES.items())
    first = phantom.draw(IMAGE, boxes, 64)
    assert np.array_equal(first, phantom.draw(IMAGE, boxes, 64))
    assert np.array_equal(first, phantom.draw(IMAGE, boxes[::-1], 64))


def test_bytes_do_not_depend_on_the_process():
    """Another process with another hash seed draws the same bytes."""
    code = (
        "import hashlib; from clnlib.data import phantom;"
        f"print(hashlib.sha256(phantom.draw({IMAGE!r}, {list(BOXES.items())!r}, 48)).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    here = hashlib.sha256(phantom.draw(IMAGE, list(BOXES.items()), 48).tobytes()).hexdigest()
    assert run.stdout.strip() == here


def test_no_byte_changes_unnoticed():
    """A change to a drawn byte fails here: raise VERSION, then pin the new digest."""
    boxes = [(finding, phantom.place(finding, IMAGE)) for finding in LABELLED]
    digest = hashlib.sha256(phantom.draw(IMAGE, boxes, 48).tobytes()).hexdigest()
    assert (phantom.VERSION, digest) == (
        2,
        "0fc86ce6505c2b3c211e0098f4066b0425264baf1b1da37457d700f7cdb4b20b",
    )


def test_names_give_different_patients():
    """No two names share a film."""
    films = {phantom.draw(f"{number:08d}_000.png", [], 32).tobytes() for number in range(50)}
    assert len(films) == 50


def test_sizes_show_the_same_patient():
    """A large film averaged down is the small one but for grain."""
    small = phantom.draw(IMAGE, list(BOXES.items()), 64).astype(float)
    large = phantom.draw(IMAGE, list(BOXES.items()), 256).astype(float)
    averaged = large.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), averaged.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("finding", LABELLED)
def test_contrast_zero_draws_no_finding(finding):
    """Contrast 0 is the film without findings, to the byte."""
    box = phantom.place(finding, IMAGE)
    hidden = phantom.draw(IMAGE, [(finding, box)], 48, contrast=0.0)
    assert np.array_equal(hidden, phantom.draw(IMAGE, [], 48))


@pytest.mark.parametrize("finding", BOXED)
@pytest.mark.parametrize("size", [64, 128])
def test_change_stays_inside_the_box(finding, size):
    """Not a pixel outside the box changes, whatever the finding: no look spills."""
    difference, inside = change(finding, size)
    assert np.abs(difference[~inside]).sum() == 0


@pytest.mark.parametrize("finding", BOXED)
def test_change_fills_the_box(finding):
    """The box can be read off the pixels: the change spans 70 % of each side."""
    difference, _ = change(finding, 128)
    x1, y1, x2, y2 = (round(value * 128) for value in BOXES[finding])
    seen = np.abs(difference[y1:y2, x1:x2]) >= 4
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert np.ptp(rows) >= 0.7 * (y2 - y1)
    assert np.ptp(columns) >= 0.7 * (x2 - x1)


@pytest.mark.parametrize("finding", BOXED)
def test_finding_shows(finding):
    """At contrast 1 a finding moves its box by at least 4 grey levels on average; at 3 by more."""
    difference, inside = change(finding)
    assert np.abs(difference[inside]).mean() > 4
    stronger, _ = change(finding, contrast=3.0)
    assert np.abs(stronger[inside]).mean() > np.abs(difference[inside]).mean()


@pytest.mark.parametrize("finding", LABELLED)
def test_every_label_can_be_drawn_where_place_puts_it(finding):
    """Stage 1's labels all have a box inside the frame and a look that changes pixels."""
    for number in range(20):
        image = f"{number:08d}_000.png"
        x1, y1, x2, y2 = box = phantom.place(finding, image)
        assert 0.0 <= x1 < x2 <= 1.0 and 0.0 <= y1 < y2 <= 1.0
        assert box == phantom.place(finding.upper(), image)
    drawn = phantom.draw(image, [(finding, box)], 64)
    assert not np.array_equal(drawn, phantom.draw(image, [], 64))


def test_nodule_is_brighter_than_its_surroundings():
    """The middle of a nodule outshines the ring around its box."""
    film = phantom.draw(IMAGE, [("Nodule", BOXES["Nodule"])], 128).astype(float)
    x1, y1, x2, y2 = (round(value * 128) for value in BOXES["Nodule"])
    around = film[y1 - 3 : y2 + 3, x1 - 3 : x2 + 3].sum() - film[y1:y2, x1:x2].sum()
    pixels = (y2 - y1 + 6) * (x2 - x1 + 6) - (y2 - y1) * (x2 - x1)
    assert film[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].mean() > around / pixels + 20


def test_pneumothorax_is_darker():
    """Air without lung is darker than the same chest without the finding."""
    difference, inside = change("Pneumothorax", 128)
    assert difference[inside].mean() < -8


def test_film_is_neither_empty_nor_saturated():
    """Any patient fills the grey scale: black air, mid-grey lungs, few white pixels."""
    for number in range(20):
        film = phantom.draw(f"{number:08d}_000.png", list(BOXES.items()), 64)
        assert film.std() > 40
        assert (film == 255).mean() < 0.2


edge = st.floats(0.0, 1.0, width=32)


@example("Pneumonia", (0.031, 0.0626, 0.031, 0.0626), 32, 1.0)  # the size of a pixel, on three
@settings(max_examples=150)
@given(
    finding=st.sampled_from(LABELLED),
    corners=st.tuples(edge, edge, edge, edge),
    size=st.sampled_from([32, 33, 47, 64, 96, 129]),
    contrast=st.floats(0.0, 4.0),
)
def test_any_box_at_any_size_gives_a_film(finding, corners, size, contrast):
    """Tiny, huge, empty or at the frame: uint8 of the right shape, and no warning."""
    xs, ys = sorted(corners[:2]), sorted(corners[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        film = phantom.draw("x.png", [(finding, (xs[0], ys[0], xs[1], ys[1]))], size, contrast)
    assert film.shape == (size, size) and film.dtype == np.uint8


def test_large_sizes_and_boxes_beyond_the_frame():
    """The largest size works, and a box is cut at the frame."""
    assert phantom.draw(IMAGE, list(BOXES.items()), 1024).shape == (1024, 1024)
    beyond = phantom.draw(IMAGE, [("Mass", (-0.5, -0.5, 1.5, 1.5))], 32)
    assert np.array_equal(beyond, phantom.draw(IMAGE, [("Mass", (0.0, 0.0, 1.0, 1.0))], 32))


@pytest.mark.parametrize(
    ("boxes", "size", "contrast", "words"),
    [
        ([("Nodul", (0.1, 0.1, 0.2, 0.2))], 64, 1.0, "Nodule"),
        ([("Mass", (0.3, 0.1, 0.2, 0.2))], 64, 1.0, "x1 <= x2"),
        ([("Mass", (0.1, float("nan"), 0.2, 0.2))], 64, 1.0, "finite"),
        ([], 31, 1.0, "size"),
        ([], 2049, 1.0, "size"),
        ([], 64, -0.1, "contrast"),
        ([], 64, 4.1, "contrast"),
        ([], 64, float("nan"), "contrast"),
    ],
)
def test_bad_input_is_named(boxes, size, contrast, words):
    """Arguments that cannot be drawn end in a line that names them."""
    with pytest.raises(InputError, match=words):
        phantom.draw(IMAGE, boxes, size, contrast)


def test_place_names_an_unknown_finding():
    """A label that is none of the 14 is refused with the nearest name."""
    with pytest.raises(InputError, match="Effusion"):
        phantom.place("Efusion", IMAGE)
