"""What a reader downloads is data: nothing in it is executed, unpickled, or read from elsewhere."""

import json
import os
import shutil

import h5py
import numpy as np
import pytest
from PIL import Image

from clnbook.studies import load_study
from clnlib.backend import keras
from clnlib.data.coco import load_coco
from clnlib.errors import InputError
from clnlib.model import backbones, loop, weights
from clnlib.model.network import build_cln
from clnlib.model.predict import load_model, predict
from clnlib.parameters import Predict
from clnlib.runs import WEIGHTS

BACKBONE = "mobilenetv3small"


def first_array(file) -> tuple[str, tuple[int, ...]]:
    """The name and shape of a weight file's first array."""
    found = {}
    with h5py.File(file) as opened:
        opened.visititems(
            lambda name, item: (
                found.setdefault(name, item.shape) if isinstance(item, h5py.Dataset) else None
            )
        )
    return next(iter(found.items()))


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A weight file of the backbone."""
    file = tmp_path_factory.mktemp("weights") / "honest.weights.h5"
    backbones.application(BACKBONE).save_weights(file)
    return file


def elsewhere(kind: str, file: h5py.File, name: str, shape: tuple[int, ...], secret) -> None:
    """Let an array of a weight file be one that lies outside it, or larger than any memory."""
    del file[name]
    if kind == "external link":
        file[name] = h5py.ExternalLink(str(secret), name)
    elif kind == "external storage":
        size = int(np.prod(shape)) * 4
        file.create_dataset(name, shape, "f4", external=[(str(secret), 0, size)])
    elif kind == "soft link to nowhere":
        file[name] = h5py.SoftLink("/no/such/place")
    else:
        file.create_dataset(name, (2**40,), "f4")  # four terabytes that take no room


@pytest.mark.parametrize(
    "kind", ["external link", "external storage", "soft link to nowhere", "shape bomb"]
)
def test_weight_files_are_read_from_themselves_alone(tmp_path, honest, kind):
    """A file whose array is elsewhere, or absurdly large, is refused; no other file is read."""
    hostile, secret = tmp_path / "hostile.weights.h5", tmp_path / "secret"
    shutil.copy(honest, hostile), shutil.copy(honest, secret)
    with h5py.File(hostile, "a") as opened:
        elsewhere(kind, opened, *first_array(honest), secret)
    network = build_cln(BACKBONE, 32)
    before = [v.numpy().copy() for v in network.variables]
    with pytest.raises(InputError, match=r"hostile\.weights\.h5: not the weights of"):
        weights.load(network, BACKBONE, str(hostile))
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras, before it refuses
@pytest.mark.parametrize("kind", ["external link", "external storage", "shape bomb"])
def test_a_record_s_weights_are_read_from_themselves_alone(small_run, tmp_path, kind):
    """The same holds for the weights of a run that somebody else has sent."""
    sent = tmp_path / "sent"
    shutil.copytree(small_run.folder, sent)
    with h5py.File(sent / WEIGHTS, "a") as opened:
        elsewhere(kind, opened, *first_array(small_run.weights), small_run.weights)
    from clnlib import runs

    with pytest.raises(InputError, match=r"model\.weights\.h5: not the weights of this run"):
        load_model(runs.read(sent))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_whole_model_with_code_in_it_is_not_even_opened(tmp_path, suffix):
    """A saved model may hold a function; it is refused before anything of it could run."""
    ran = tmp_path / "ran"
    image = keras.Input((4,))

    def trap(x):
        ran.touch()
        return x

    model = keras.Model(image, keras.layers.Lambda(trap, output_shape=(4,))(image))
    file = tmp_path / f"model{suffix}"
    model.save(file)
    model(np.zeros((1, 4), np.float32))
    ran.unlink()  # so the trap does work
    with pytest.raises(InputError, match="a whole saved model"):
        weights.load(build_cln(BACKBONE, 32), BACKBONE, str(file))
    assert not ran.exists()


def test_a_checkpoint_is_never_unpickled(tmp_path):
    """A checkpoint with a Python object in it is an error; the object is not made."""

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    folder = tmp_path / "run"
    (folder / "checkpoint").mkdir(parents=True)
    np.savez(folder / "checkpoint" / "00001.npz", v00000=np.array([Trap()], dtype=object))
    (folder / "history.csv").write_text("epoch,loss\n1,0.5\n")
    network = build_cln(BACKBONE, 32)
    network.compile("adam", loss=None)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        loop._resume(network, folder)
    assert not (tmp_path / "ran").exists()


def test_a_study_s_yaml_is_data(tmp_path):
    """A tag that would call a function is an error of the file."""
    file = tmp_path / "study.yaml"
    file.write_text(f"name: !!python/object/apply:os.mkdir ['{tmp_path / 'ran'}']\n")
    with pytest.raises(InputError, match=r"study .*study\.yaml: could not determine a constructor"):
        load_study(file)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "a/../../secret.png", "/etc/secret.png", "..\\secret.png", "C:\\s.png"],
)
def test_names_in_a_coco_file_stay_in_the_image_folder(tmp_path, name):
    """A name that leads out of the folder is refused, even where such a file is."""
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("L", (64, 64)).save(tmp_path / "secret.png")
    content = {
        "images": [{"id": 1, "file_name": name, "width": 64, "height": 64}],
        "annotations": [
            {"id": k, "image_id": 1, "category_id": k, "bbox": [8, 8, 20, 20]} for k in (1, 2)
        ],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    }
    (folder / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="must lie in the image folder"):
        load_coco(folder / "boxes.json")


def test_out_never_overwrites_what_is_not_ours(small_run, tmp_path):
    """Predictions of something else stay; our own are replaced; the images' folder is refused."""
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir(), out.mkdir()
    Image.new("L", (64, 64), 90).save(images / "a.png")
    given = {"run": str(small_run.folder), "images": str(images)}
    for name in ("predictions.csv", "predictions.json"):
        (out / name).write_text("{}")
        with pytest.raises(InputError, match=r"out .*has predictions of something else"):
            predict(Predict(**given, out=str(out)))
        assert [file.read_text() for file in out.iterdir()] == ["{}"]
        (out / name).unlink()
    predict(Predict(**given, out=str(out)))
    predict(Predict(**given, out=str(out)))
    with pytest.raises(InputError, match="the folder of the images themselves"):
        predict(Predict(**given, out=str(images)))
