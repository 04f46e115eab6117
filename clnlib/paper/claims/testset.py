"""What the paper says of its test set, against the class sizes that Table 1 admits."""

from clnlib.paper import testsets
from clnlib.paper.claims.dataset import counts
from clnlib.paper.claims.ledger import DATA, NOT_CHECKABLE, TABLE1, Answer, agree, claim, said
from clnlib.paper.claims.printed import Printed


@claim(
    TABLE1,
    said("2.1", "split-80", "images into a training (80%) and test (20%) set",
         "A fifth of the images is for the test.", "80 %, 20 %"),
    said("3.1", "share-of-images", "denotes the percentage of images for which the IoU",
         "A cell of Table 1 is a share of test images."),
)  # fmt: skip
def fifth_of_images(_: Printed) -> Answer:
    """Variants whose legible cells admit a fifth of the images, and of the boxes, in all."""
    fits = testsets.totals()
    images, boxes = int(fits["of_images"].sum()), int(fits["of_boxes"].sum())
    number = len(fits)
    note = (
        "From the accuracies k / n of Table 1 (clnlib.paper.testsets.totals). An image with "
        "several boxes may count once per box, or boxes may have been split, not images."
    )
    found = (
        f"{testsets.IMAGES} images fit {images} of {number} variants, "
        f"{testsets.BOXES} boxes fit {boxes}"
    )
    return Answer(found, agree(images == number), note)


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
        "From the accuracies k / n of Table 1 (clnlib.paper.testsets.common). Each variant may "
        "have had its own random split, or boxes may be grouped by predicted finding."
    )
    found = (
        f"one number of boxes fits all variants in {int((sizes > 0).sum())} of 8 findings; the "
        f"nearest leave {common['misread'].sum()} of {common['cells'].sum()} cells unexplained"
    )
    return Answer(found, agree(bool((sizes > 0).all())), note)


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
