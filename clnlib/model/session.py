"""The process a network runs in: repeatable arithmetic, memory, and the device's name."""

import ctypes
import os
import platform
import re
import sys
from pathlib import Path

from clnlib.backend import keras

_M_TOP_PAD = -2  # the setting's number in glibc's malloc.h


def begin(seed: int, precision: str = "float32", deterministic: bool = True) -> None:
    """Make training repeatable, to the bit on machines of the same kind; before any layer is built.

    The seed is that of Python's, NumPy's and Keras' generators; the precision is Keras' dtype
    policy for layers built from now on. With `deterministic` False a GPU may add in any order.
    """
    if deterministic and keras.backend.backend() == "jax":
        flag = "--xla_gpu_deterministic_ops=true"
        if flag not in os.environ.get("XLA_FLAGS", ""):
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)


def keep_memory() -> None:
    """Let the C library keep 64 MB of freed memory instead of giving it back at every step.

    On a processor much of a training step is otherwise spent on getting the same pages again
    (`benchmarks/memory_speed.py`); no result depends on it. Only glibc knows the setting.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_TOP_PAD, 64 << 20)


def device() -> str:
    """The accelerator's name, or the processor's, with the Keras backend."""
    return f"{_accelerator() or _processor()} ({keras.backend.backend()})"


def _accelerator() -> str | None:
    """The first GPU or TPU the backend sees."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            return tf.config.experimental.get_device_details(gpu).get("device_name")
    if keras.backend.backend() == "jax":
        import jax

        return next((d.device_kind for d in jax.devices() if d.platform != "cpu"), None)
    return None


def _processor() -> str:
    """The processor's name and number of cores."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    name = model[1] if model else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
