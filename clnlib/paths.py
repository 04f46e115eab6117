"""Where inputs, stores and runs live; nothing else in the package knows a path."""

import os
from pathlib import Path

from clnlib.errors import InputError

CHECKOUT = Path(__file__).resolve().parents[1]


def home() -> Path:
    """The folder of stores and runs: `CLN_HOME`, else the checkout, else the current folder."""
    if given := os.environ.get("CLN_HOME"):
        return Path(given).expanduser().resolve()
    return CHECKOUT if (CHECKOUT / "pyproject.toml").exists() else Path.cwd()


def stores() -> Path:
    """The folder of decoded image stores."""
    return home() / "stores"


def runs() -> Path:
    """The folder of run records, `runs/<study>/<run>`."""
    return home() / "runs"


def results() -> Path:
    """The folder of published records, `results/<study>/<run>`."""
    return (CHECKOUT if (CHECKOUT / "pyproject.toml").exists() else home()) / "results"


def nih_dir() -> Path:
    """The folder of NIH's images, which `CLN_NIH_DIR` names.

    Raises
    ------
    InputError
        The variable is not set, or names no folder.
    """
    given = os.environ.get("CLN_NIH_DIR")
    if not given:
        raise InputError(
            "CLN_NIH_DIR is not set: point it at the folder that holds the NIH ChestX-ray14 "
            "images (any layout of .png or .jpg files), e.g. export CLN_NIH_DIR=~/nih; "
            "without the images use -p dataset phantom"
        )
    folder = Path(given).expanduser().resolve()
    if not folder.is_dir():
        raise InputError(f"CLN_NIH_DIR={given}: no such folder")
    return folder
