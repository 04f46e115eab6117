"""Keras, imported in one place, without the start-up talk of TensorFlow's C++ libraries."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing reaches the process's standard error; one line of TensorFlow heeds no setting."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors are shown, advice is not
with _silent():
    import keras
    from keras import layers, ops

__all__ = ["keras", "layers", "ops"]
