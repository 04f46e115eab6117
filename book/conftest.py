"""Which pages `pytest --nbval` executes again and compares: those that follow from records alone.

Left out are pages that train or decode images (`train`, `finetune`, `prepare`) or need weights
(`gradcam`); what they print is tested in `tests/`.
"""

collect_ignore_glob = [
    f"results/*/{page}.ipynb" for page in ("train", "finetune", "prepare", "gradcam")
]
