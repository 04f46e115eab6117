"""CLN companion: chest X-ray localisation and classification, reproducible and checkable."""

__version__ = "0.1.0"
