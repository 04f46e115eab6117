"""What the paper says of its test set, against the class sizes that Table 1 admits."""

from clnbook.audit import testsets
from clnbook.audit.claims.dataset import counts
from clnbook.audit.claims.ledger import (
    DATA,
    NOT_CHECKABLE,
    REPRODUCED,
    TABLE1,
    Answer,
    agree,
    claim,
    said,
)
from clnbook.audit.claims.printed import Printed


@claim(
    TABLE1,
    said("2.1", "split-80", "images into a training (80%) and test (20%) set",
         "A fifth of the images is for the test.", "80 %, 20 %", of_images=False),
    said("3.1", "share-of-images", "denotes the percentage of images for which the IoU",
         "A cell of Table 1 is a share of test images."),
)  # fmt: skip
def fifth_of_images(_: Printed, of_images: bool = True) -> Answer:
    """Variants whose legible cells admit a fifth of the images, and of the boxes, in all.

    That decides what a cell is a share of (`of_images`), not what was split: a fifth of the images
    can carry a fifth of the boxes.
    """
    fits = testsets.totals()
    images, boxes = int(fits["of_images"].sum()), int(fits["of_boxes"].sum())
    number = len(fits)
    note = "From the accuracies k / n of Table 1 (clnbook.audit.testsets.totals). "
    if of_images:
        note += "An image with several boxes may count once per box."
    else:
        note += (
            f"{testsets.IMAGES} images can carry {testsets.BOXES} boxes: whether images or boxes "
            "were split is open."
        )
    found = (
        f"{testsets.IMAGES} images fit {images} of {number} variants, "
        f"{testsets.BOXES} boxes fit {boxes}"
    )
    return Answer(found, agree(images == number) if of_images else NOT_CHECKABLE, note)


@claim(
    TABLE1,
    said("3.2", "test-subset", "results are reported for the test subset",
         "All variants are tested on one subset."),
)  # fmt: skip
def one_subset(_: Printed) -> Answer:
    """Findings with a number of test boxes that the legible cells of all variants admit."""
    common = testsets.common()
    sizes = common["sizes"].map(len)
    note = (
        "Grouped by predicted finding, one test set is possible; by true finding each variant "
        "would need its own (clnbook.audit.testsets.common). The text names neither."
    )
    found = (
        f"by true finding one number of boxes fits all variants in {int((sizes > 0).sum())} of 8 "
        f"findings; the nearest leave {common['misread'].sum()} of {common['cells'].sum()} cells "
        "unexplained"
    )
    verdict = REPRODUCED if (sizes > 0).all() else NOT_CHECKABLE
    return Answer(found, verdict, note)


@claim(
    DATA,
    said("2.1", "split-90", "training (90%) and a validation (10%) set",
         "A tenth of the rest is for validation.", "90 %, 10 %"),
)  # fmt: skip
def validation_share(_: Printed) -> Answer:
    """The sizes that the shares give, by image and by box."""
    told = []
    for what, number in (("images", counts().boxed), ("boxes", counts().boxes)):
        test = round(number / 5)
        validation = round((number - test) / 10)
        told.append(f"{number - test - validation} + {validation} + {test} {what}")
    return Answer(" or ".join(told), NOT_CHECKABLE, "No size is printed.")
