"""The paper's claims, each beside the function that computes it again."""

from clnbook.audit.claims import (
    ablation,
    background,
    classification,
    dataset,
    decay,
    localisation,
    network,
    significance,
    split,
    table1,
    testset,
    training,
)

__all__ = [
    "ablation", "background", "classification", "dataset", "decay", "localisation", "network",
    "significance", "split", "table1", "testset", "training",
]  # fmt: skip
