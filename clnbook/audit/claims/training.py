"""What the paper says of losses and training (section 2.3) and of the settings used."""

from math import ceil, log2

from clnbook.audit.claims.ledger import (
    DIFFERS,
    NOT_CHECKABLE,
    REPRODUCED,
    TEXT,
    Answer,
    agree,
    claim,
    said,
)
from clnbook.audit.claims.printed import Printed
from clnlib.metrics.boxes import iou

FIRST_RATE, FLOOR, HALVE_EVERY, BATCH, PATIENCE = 1e-3, 1e-6, 4, 16, 20
TRAINING_IMAGES = 704 - 70  # 80 % of 880, less 10 % of these

LAMBDAS = {
    "0.1": ("CLN-ResNet50V2", "CLN-EfficientNetB4"),
    "0.2": ("CLN-Xception",),
    "0.4": ("CLN-InceptionV3", "CLN-MobileNetV3Small", "CLN-CheXNet"),
}
"""The λ of each variant as sections 3.2 and 3.4.2 and the notes of Tables 1 and 2 give it."""


def weights(lam: float) -> tuple[float, float]:
    """The weights of the cross-entropy and of the IoU loss (Eq. 4)."""
    return lam, 1 - lam


@claim(
    "Eq. 4",
    said("3.4.2", "lambda-ends", "would lead to only the classification or the localisation metric",
         "λ = 0 leaves classification alone, λ = 1 localisation alone.", "λ = 0: classification"),
)  # fmt: skip
def lambda_ends(_: Printed) -> Answer:
    """The two weights of Eq. 4 at both ends."""
    names = ("classification", "localisation")
    at = {lam: names[weights(lam).index(1)] for lam in (0, 1)}
    note = "The words respectively and the two ends seem exchanged; the sentence before is right."
    found = ", ".join(f"λ = {lam}: {name}" for lam, name in at.items())
    return Answer(found, agree(at[0] == names[0]), note)


@claim(
    "Eq. 4",
    said("3.4.2", "lambda-direction", "a higher weight for the classification metric and lower "
         "for the localisation", "A higher λ favours classification."),
    said("2.3", "lambda-trade-off", "with the trade-off between the two losses controlled by the "
         "hyperparameter", "λ trades one loss for the other."),
)  # fmt: skip
def lambda_direction(_: Printed) -> Answer:
    """The weights of Eq. 4 at the ends of the range examined."""
    low, high = weights(0.1), weights(0.9)
    found = f"weights {low[0]:.1f}, {low[1]:.1f} at λ = 0.1; {high[0]:.1f}, {high[1]:.1f} at 0.9"
    return Answer(found, agree(high[0] > low[0] and high[1] < low[1]))


@claim(
    "Eq. 2",
    said("2.3", "iou-range", "IoU ranges between 0 and 1, with 0 denoting no overlap",
         "IoU is 0 without overlap and 1 for equal boxes.", "0, 1"),
    said("2.3", "iou-overlap", "with higher overlap leading to higher IoU values. IoU is",
         "More overlap gives a higher IoU."),
)  # fmt: skip
def iou_range(_: Printed) -> Answer:
    """The IoU of boxes that are apart, half covered and equal."""
    whole = (0.0, 0.0, 1.0, 1.0)
    others = [(2.0, 0.0, 3.0, 1.0), (0.5, 0.0, 1.5, 1.0), whole]
    apart, half, equal = (float(iou(whole, box)) for box in others)
    found = f"{apart:.0f} apart, {half:.2f} shifted by half, {equal:.0f} equal"
    note = "Where boxes are apart 1 − IoU has no gradient: it cannot say which way to move."
    return Answer(found, agree(apart == 0 < half < equal == 1), note)


@claim(
    "Eq. 1",
    said("2.3", "eight-classes", "with M = 8 the number of classes", "There are eight classes.",
         "8"),
)  # fmt: skip
def eight_classes(_: Printed) -> Answer:
    """The findings of the box table."""
    from clnbook.audit.claims.dataset import counts

    number = counts().boxed_findings
    return Answer(f"{number}", agree(number == 8))


@claim(
    TEXT,
    said("2.2.3", "relu-not-negative", "ensure that the output values cannot be negative",
         "A ReLU keeps coordinates from being negative."),
)  # fmt: skip
def relu(_: Printed) -> Answer:
    """max(0, x) at a negative number."""
    note = "It does not make x1 smaller than x2, and a box driven to 0 has no gradient back."
    return Answer(f"max(0, −1) = {max(0, -1)}", agree(max(0, -1) == 0), note)


@claim(
    TEXT,
    said("2.2.3", "corners", "The four outputs of the final fully-connected layer correspond to",
         "Four numbers give the four corners of a box.", "4"),
)  # fmt: skip
def corners(_: Printed) -> Answer:
    """The pairs of two x and two y."""
    number = len({(x, y) for x in ("x1", "x2") for y in ("y1", "y2")})
    return Answer(f"{number} corners", agree(number == 4))


@claim(
    TEXT,
    said("2.3", "learning-rate", "after every 4 epochs, with a lower limit of 0.000001",
         "The rate falls from 0.001 by half every 4 epochs to 0.000001.", "0.000001"),
)  # fmt: skip
def rate_floor(_: Printed) -> Answer:
    """Epochs until the floor is reached."""
    halvings = ceil(log2(FIRST_RATE / FLOOR))
    note = "How many epochs were trained is not printed."
    found = f"floor after {halvings} halvings, {halvings * HALVE_EVERY} epochs"
    return Answer(found, NOT_CHECKABLE, note)


@claim(
    TEXT,
    said("2.3", "batch-size", "optimiser with a batch size of 16 and an initial learning rate",
         "Batches have 16 images.", "16"),
)  # fmt: skip
def batch(_: Printed) -> Answer:
    """Steps of an epoch at that batch size."""
    steps = ceil(TRAINING_IMAGES / BATCH)
    found = f"{steps} steps for {TRAINING_IMAGES} training images"
    return Answer(found, NOT_CHECKABLE, "A setting; no number follows from it in print.")


@claim(
    TEXT,
    said("2.3", "early-stopping", "with training stopping after 20 epochs with no improvement",
         "Training stops after 20 epochs without improvement.", "20"),
)  # fmt: skip
def stopping(_: Printed) -> Answer:
    """What the rate has fallen to by then."""
    factor = 2 ** (PATIENCE // HALVE_EVERY)
    note = "A setting; the epochs at which runs stopped are not printed."
    return Answer(f"the rate falls {factor}-fold while waiting", NOT_CHECKABLE, note)


@claim(
    TEXT,
    said("2.3", "machine", "the Keras API on a GeForce RTX 4090 24GB GPU",
         "One such card was used.", "24 GB"),
    said("2.3", "preliminary", "Based on preliminary experimentation for selecting the training "
         "hyperparameters", "Settings were chosen by experiments."),
    said("2.2.1", "best-epoch", "provided the best classification performance on the validation "
         "set", "Stage 1 keeps its best epoch."),
)  # fmt: skip
def told_only(_: Printed) -> Answer:
    """Settings of which nothing else is printed."""
    return Answer("", NOT_CHECKABLE, "A setting; no number follows from it in print.")


@claim(
    TEXT,
    said("3.2", "lambda-used", "CLN-MobileNetV3Small, and CLN-CheXNet were trained with",
         "Each variant's λ is given.", "0.1, 0.2, 0.4"),
    said("3.4.2", "lambda-selected", "In this work, we attempted to achieve a balance between the",
         "The same λ are selected.", "0.1, 0.2, 0.4"),
    said("3.2", "lambda-table", "to 0.2 for CLN-Xception, and to 0.4 for CLN-InceptionV3",
         "The tables' notes give the same λ.", "0.1, 0.2, 0.4"),
)  # fmt: skip
def lambdas(_: Printed) -> Answer:
    """The variants that the statements name, each once."""
    names = [name for group in LAMBDAS.values() for name in group]
    found = "; ".join(f"{lam}: {', '.join(group)}" for lam, group in LAMBDAS.items())
    verdict = REPRODUCED if len(names) == len(set(names)) == 6 else DIFFERS
    return Answer(found, verdict, "Four places of the text agree.")
