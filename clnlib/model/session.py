"""The process a network runs in: repeatable arithmetic, and the device's name."""

import os
import platform
import re
from pathlib import Path
from typing import Any

import keras


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
