"""Batches shared by several devices of one machine: Keras' data parallelism, under JAX.

Each has the whole network and a part of the batch; the arithmetic, BatchNorm's too, is that of one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clnlib.backend import keras
from clnlib.errors import InputError


class _Shared(keras.distribution.DataParallel):  # type: ignore[misc]
    """Batches that do not divide go to every device whole."""

    def get_data_layout(self, data_shape: tuple[int, ...]) -> Any:
        """How an array of this shape lies on the devices."""
        if data_shape[0] % self.device_mesh.devices.size == 0:
            return super().get_data_layout(data_shape)
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)


def share(devices: int, batch_size: int) -> None:
    """Share batches by so many devices, in networks built from now on.

    Raises
    ------
    InputError
        There are fewer devices here, the backend cannot, or a batch does not divide.
    """
    if devices == 1:
        keras.distribution.set_distribution(None)  # an earlier training may have shared
        return
    backend = keras.backend.backend()
    here = keras.distribution.list_devices() if backend == "jax" else [backend]
    if len(here) < devices:
        raise InputError(
            f"parameter devices={devices}: {len(here)} here ({', '.join(here)}); several need "
            "KERAS_BACKEND=jax, and as many of JAX's devices"
        )
    if batch_size % devices:
        raise InputError(f"parameter devices={devices}: batch_size={batch_size} does not divide")
    keras.distribution.set_distribution(_Shared(devices=here[:devices]))


def whole_batches(feed: Any) -> int:
    """How many batches of a feed are laid out like its first; a last one may not divide."""
    shared = keras.distribution.distribution()
    devices = shared.device_mesh.devices.size if shared else 1
    return max(1, len(feed) - bool(len(feed.order) % feed.batch_size % devices))


@contextmanager
def undivided() -> Iterator[None]:
    """In it every device sees whole batches, of any size: to evaluate and predict."""
    shared = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(shared)
