"""First weights: loaded whole, or refused with both shapes named."""

import h5py
import keras
import numpy as np
import pytest

from clnlib.errors import InputError
from clnlib.model import backbones, network, weights

SIZE = 32


@pytest.fixture(scope="module")
def donor():
    """An application of known weights."""
    keras.utils.set_random_seed(1)
    return backbones.application("mobilenetv3small", input_shape=(SIZE, SIZE, 3))


def _backbone_weights(model):
    return [w for layer in network.backbone_layers(model) for w in layer.get_weights()]


def _save_as_keras_2(model, file):
    """The format of the official ImageNet files."""
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(file, "w") as content:
        legacy_h5_format.save_weights_to_hdf5_group(content, model)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_a_file_is_loaded_whole(tmp_path, donor, suffix):
    """Every array of a Keras file arrives; the features equal the application's own."""
    file = tmp_path / f"donor{suffix}"
    donor.save_weights(file) if suffix == ".weights.h5" else _save_as_keras_2(donor, file)
    model = network.build_cln("mobilenetv3small", SIZE)
    weights.load(model, "mobilenetv3small", str(file))
    for ours, theirs in zip(_backbone_weights(model), donor.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    grey = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 1)).astype("float32")
    last = keras.Model(model.input, network.backbone_layers(model)[-1].output)
    expected = donor(np.repeat(grey, 3, axis=-1), training=False)
    np.testing.assert_allclose(last(grey, training=False), expected, rtol=1e-4, atol=1e-5)


def test_another_backbone_s_file_is_refused(tmp_path, donor):
    """Weights of another backbone are refused, and nothing has been loaded."""
    file = tmp_path / "mobile.weights.h5"
    donor.save_weights(file)
    model = network.build_cln("chexnet", SIZE)
    before = _backbone_weights(model)
    with pytest.raises(InputError, match=r"mobile\.weights\.h5: not the weights of CheXNet"):
        weights.load(model, "chexnet", str(file))
    for a, b in zip(before, _backbone_weights(model), strict=True):
        np.testing.assert_array_equal(a, b)


def _altered(tmp_path, donor, alter):
    file = tmp_path / "altered.weights.h5"
    donor.save_weights(file)
    with h5py.File(file, "a") as content:
        group = content["layers/conv2d/vars"]
        alter(group)
    return file


def test_a_mismatching_file_names_both_shapes(tmp_path, donor):
    """One array of another shape is refused with the shape found and the shape expected."""

    def alter(group):
        shape = group["0"].shape
        del group["0"]
        group["0"] = np.zeros((*shape[:-1], shape[-1] + 1), "float32")

    model = network.build_cln("mobilenetv3small", SIZE)
    with pytest.raises(InputError, match=r"found \(3, 3, 3, 17\), expected \(3, 3, 3, 16\)"):
        weights.load(model, "mobilenetv3small", str(_altered(tmp_path, donor, alter)))


def test_a_partial_file_is_refused(tmp_path, donor):
    """A file that lacks one array is refused."""

    def alter(group):
        del group["0"]

    model = network.build_cln("mobilenetv3small", SIZE)
    with pytest.raises(
        InputError, match=r"found no array, expected \(3, 3, 3, 16\) at layers/conv2d"
    ):
        weights.load(model, "mobilenetv3small", str(_altered(tmp_path, donor, alter)))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.weights.h5", b"hello", "not the weights of"),
        ("empty.h5", b"", "not the weights of"),
        ("whole.keras", b"PK", "a whole saved model; load it with keras.models.load"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, name, content, message):
    """A file that is no weight file is refused in one line that names it."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        weights.load(
            network.build_cln("mobilenetv3small", SIZE), "mobilenetv3small", str(tmp_path / name)
        )
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_whole_model_in_h5_gets_the_way_out(tmp_path, donor):
    """What `model.save("name.h5")` wrote is named as a whole model, with what to do."""
    donor.save(tmp_path / "whole.h5")
    model = network.build_cln("mobilenetv3small", SIZE)
    with pytest.raises(InputError, match=r"whole\.h5: a whole saved model; .*backbone\.save_weig"):
        weights.load(model, "mobilenetv3small", str(tmp_path / "whole.h5"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_finite_numbers_are_refused(tmp_path, donor, value):
    """One NaN of a training that went astray is named by its array; nothing has been loaded."""

    def alter(group):
        group["0"][0, 0, 0, 0] = value

    model = network.build_cln("mobilenetv3small", SIZE)
    before = _backbone_weights(model)
    with pytest.raises(InputError, match=r"conv/kernel has values that are no finite numbers"):
        weights.load(model, "mobilenetv3small", str(_altered(tmp_path, donor, alter)))
    for a, b in zip(before, _backbone_weights(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_missing_file_or_run_is_refused():
    """What is neither a file nor a run says so."""
    model = network.build_cln("mobilenetv3small", SIZE)
    with pytest.raises(InputError, match=r"none\.weights\.h5: no such file"):
        weights.load(model, "mobilenetv3small", "none.weights.h5")
    with pytest.raises(InputError, match="no such folder"):
        weights.load(model, "mobilenetv3small", "study/run")


def test_imagenet_without_internet_says_what_to_fetch_and_where_to(monkeypatch, tmp_path):
    """The error names Keras' file and the folder it belongs into."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    address = "https://storage.example/weights_mobilenet_v3_small_no_top.h5"

    def offline(*args, **kwargs):
        raise Exception(f"URL fetch failure on {address}: None -- no route")  # as Keras raises it

    model = network.build_cln("mobilenetv3small", SIZE)
    monkeypatch.setattr(backbones, "application", offline)
    with pytest.raises(InputError, match="no internet; fetch") as caught:
        weights.load(model, "mobilenetv3small", "imagenet")
    assert address in str(caught.value)
    assert str(tmp_path / "models" / "weights_mobilenet_v3_small_no_top.h5") in str(caught.value)
