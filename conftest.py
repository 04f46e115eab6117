"""Which pages `pytest --nbval` executes again and compares: those that follow from records alone.

Left out: notebooks without outputs, pages that train or decode images (`train`, `finetune`,
`prepare`), measure times (`complexity`) or need weights (`gradcam`). Their records and what they
print is tested in `tests/`.
"""

collect_ignore_glob = [
    "notebooks/*",
    "book/*.ipynb",
    "build/*",
    "_build/*",
    *(
        f"book/results/*/{page}.ipynb"
        for page in ("train", "finetune", "prepare", "gradcam", "complexity")
    ),
]
