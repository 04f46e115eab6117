"""The process a network runs in: repeatable arithmetic, memory, and the device's name."""

import ctypes
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import keras

_M_TOP_PAD = -2  # malloc.h


def make_deterministic(seed: int, precision: str = "float32") -> None:
    """One seed for everything, deterministic kernels, the precision of layers built from now on.

    Bitwise repeatable on one kind of machine, not across processors.
    """
    if keras.backend.backend() == "jax":
        flag = "--xla_gpu_deterministic_ops=true"
        if flag not in os.environ.get("XLA_FLAGS", ""):
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
    if keras.backend.backend() == "tensorflow":
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

        found = tf.config.list_physical_devices("GPU")
        details: dict[str, Any] = (
            tf.config.experimental.get_device_details(found[0]) if found else {}
        )
        return details.get("device_name")
    if keras.backend.backend() == "jax":
        import jax

        return next((d.device_kind for d in jax.devices() if d.platform != "cpu"), None)
    return None


def _processor() -> str:
    """The processor's name and number of cores."""
    info = Path("/proc/cpuinfo")
    name = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return (
        f"{name[1] if name else platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    )
