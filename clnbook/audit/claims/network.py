"""What the paper says of the network's layers and size (sections 2.2 and 4, Table 3)."""

from clnbook.audit.claims.ledger import (
    DIFFERS,
    NOT_CHECKABLE,
    REPRODUCED,
    TABLE3,
    TEXT,
    Answer,
    agree,
    claim,
    said,
)
from clnbook.audit.claims.printed import (
    CHEXNET,
    EFFICIENTNET,
    INCEPTION,
    MOBILENET,
    RESNET,
    XCEPTION,
    Printed,
)
from clnbook.audit.claims.sizes import BASES, NORMALISATION, fits, total


def _total_note(model: str) -> str:
    if model != EFFICIENTNET:
        return "With global average pooling before both heads."
    return (
        f"Higher by {NORMALISATION}: the statistics of the input's normalisation layer, which "
        "other versions of Keras may not count."
    )


@claim(
    TABLE3,
    *(
        said("4", f"total-{model}", "terms of its number of parameters is presented in Table 3",
             f"Table 3: total parameters of {model}.", value, model=model)
        for model, value in {
            RESNET: "24,795,020", MOBILENET: "1,403,900", EFFICIENTNET: "18,770,916",
            INCEPTION: "23,033,004", XCEPTION: "22,091,700", CHEXNET: "7,735,244",
        }.items()
    ),
)  # fmt: skip
def total_parameters(p: Printed, model: str) -> Answer:
    """Total parameters of Keras' base and the two heads against Table 3."""
    apart = total(model) - p.size[model][0]
    same = apart == (NORMALISATION if model == EFFICIENTNET else 0)
    return Answer(f"{total(model):,} ({apart:+d})", agree(same), _total_note(model))


@claim(
    TABLE3,
    *(
        said("4", f"trainable-{model}", "terms of its number of parameters is presented in Table 3",
             f"Table 3: trainable parameters of {model}.", value, model=model)
        for model, value in {
            RESNET: "24,749,580", MOBILENET: "1,391,788", EFFICIENTNET: "18,645,716",
            INCEPTION: "22,998,572", XCEPTION: "22,037,172", CHEXNET: "7,651,596",
        }.items()
    ),
)  # fmt: skip
def trainable_parameters(p: Printed, model: str) -> Answer:
    """Trainable parameters against Table 3."""
    trainable = total(model) - BASES[model].frozen
    apart = trainable - p.size[model][1]
    return Answer(f"{trainable:,} ({apart:+d})", agree(apart == 0))


@claim(
    TABLE3,
    *(
        said("4", f"flops-{model}", "alongside its computational cost in terms of floating point "
             "operations", f"Table 3: operations of {model}.", f"{value} G", model=model)
        for model, value in {
            RESNET: "6.99", MOBILENET: "0.12", EFFICIENTNET: "3.08",
            INCEPTION: "5.69", XCEPTION: "9.13", CHEXNET: "5.70",
        }.items()
    ),
)  # fmt: skip
def operations(p: Printed, model: str) -> Answer:
    """Operations of one forward pass against Table 3, to 0.01 G."""
    apart = BASES[model].gflops - p.size[model][2]
    cut = abs(apart) > 0.005
    note = "Printed with the third decimal cut off." if cut else ""
    same = round(abs(apart), 3) < 0.01
    return Answer(f"{BASES[model].gflops:.3f} G ({apart:+.3f})", agree(same), note)


@claim(
    TABLE3,
    said("2.1", "input-224", "Furthermore, all images were resized to",
         "Images are resized to 224 x 224.", "224 × 224"),
)  # fmt: skip
def input_size(p: Printed) -> Answer:
    """Operations grow with the image's area, so that Table 3 tells the side."""
    sides = [224 * (p.size[m][2] / BASES[m].gflops) ** 0.5 for m in p.size if m != MOBILENET]
    low, high = min(sides), max(sides)
    note = "From Table 3's operations, which grow as the area; MobileNetV3Small has too few digits."
    return Answer(f"{low:.1f} to {high:.1f}", agree(low > 223.5 and high < 224.5), note)


@claim(
    TABLE3,
    said("2.2", "flatten", "output of the convolutional base of the backbone is then flattened",
         "A flatten layer joins the base and the heads.", "flatten"),
    said("2.2.1", "flatten-stage-2", "multi-task neural network architecture, followed by a "
         "flattening layer", "A flatten layer joins the base and the heads.", "flatten"),
    said("2.2.2", "flatten-finding", "output of the flattening layer after the feature extraction "
         "backbone is passed", "The finding head reads the flattened features.", "flatten"),
)  # fmt: skip
def flatten(p: Printed) -> Answer:
    """The totals with a flatten layer against Table 3, and with global average pooling."""
    flat = [total(model, "flatten") / 1e6 for model in p.size]
    match = sum(p.size[m][0] == total(m, "flatten") for m in p.size)
    found = f"flatten: {min(flat):.1f} to {max(flat):.1f} million, {match} of 6 fit"
    note = "Flattening may mean global average pooling here; the counts are of such a network."
    return Answer(f"{found}; pooled: {len(fits(p))} of 6 fit", agree(match == 6), note)


@claim(
    TEXT,
    said("2.2.1", "flatten-stage-1", "flatten layer was added after the convolutional base",
         "Stage 1 has a flatten layer.", "flatten"),
)  # fmt: skip
def flatten_stage_1(_: Printed) -> Answer:
    """Stage 1's size is not printed."""
    return Answer("", NOT_CHECKABLE, "Table 3 counts the final network only.")


@claim(
    TABLE3,
    said("2", "two-branches", "The network is then divided into two branches",
         "The base has a finding head and a box head.", "2"),
    said("2.2", "shared-features", "features extracted by the backbone are shared across the two",
         "Both heads read the features of one base."),
    said("2.2.1", "chexnet-is-densenet", "CheXnet (i.e. a DenseNet121)",
         "CheXNet's base is DenseNet121.", "DenseNet121", model=CHEXNET),
    said("2.2.1", "keras-models", "the Keras implementations of the pre-trained models were used",
         "The bases are those of Keras."),
    said("2.2.2", "fc-8", "passed to a fully-connected layer of size 8",
         "The finding head is one layer of 8.", "8"),
    said("2.2.3", "four-layers", "is passed through a series of four fullyconnected layers",
         "The box head has four layers.", "4"),
    said("2.2.3", "widths", "layers have a size of 512, 256, and 128, respectively",
         "Three layers of the box head have these sizes.", "512, 256, 128"),
    said("2.2.3", "fc-4", "The final fully-connected layer has a size of 4",
         "The box head ends in four numbers.", "4"),
    said("4", "one-box", "does not support the prediction of multiple bounding boxes on",
         "CLN gives one box per image.", "1"),
)  # fmt: skip
def layers(p: Printed, model: str = "") -> Answer:
    """The described heads on Keras' bases against the printed totals."""
    fitting = [m for m in fits(p) if model in ("", m)]
    names = [m for m in p.size if model in ("", m)]
    note = "" if model else "EfficientNetB4 to within the 7 statistics of its input layer."
    found = f"{len(fitting)} of {len(names)} totals of Table 3 fit"
    return Answer(found, agree(len(fitting) == len(names)), note)


@claim(
    TABLE3,
    said("2.2.3", "box-of-prediction", "corresponds to the pathology prediction made by the CXR "
         "image classification branch", "The box is that of the predicted pathology."),
)  # fmt: skip
def box_of_prediction(p: Printed) -> Answer:
    """Whether the counts leave room for a link from the finding head to the box head."""
    note = "Shared features may tie the two all the same; agreement of the heads is not reported."
    found = f"{len(fits(p))} of 6 totals fit without a link between the heads"
    return Answer(found, NOT_CHECKABLE, note)


@claim(
    "row labels of Table 3",
    said("2.2.1", "six-bases", "The models examined in this work as the backbone",
         "Six bases are examined.", "6"),
    said("3.1", "six-variants", "Six variants of the proposed CLN architecture were evaluated",
         "Six variants are evaluated.", "6"),
)  # fmt: skip
def six_variants(p: Printed) -> Answer:
    """The rows of Table 3."""
    return Answer(f"{len(p.size)} rows", agree(len(p.size) == 6))


@claim(
    TABLE3,
    said("4", "base-decides", "depends mainly on the size and complexity of the image feature",
         "The base makes up most of the size."),
)  # fmt: skip
def base_share(p: Printed) -> Answer:
    """The base's share of the printed totals."""
    shares = [BASES[m].total / p.size[m][0] for m in p.size]
    found = f"{min(shares):.0%} to {max(shares):.0%} of the parameters"
    return Answer(found, agree(min(shares) > 0.5))


@claim(
    TABLE3,
    said("4", "small-bases", "lead to smaller CLNmodels and vice versa",
         "The smaller the base, the smaller the variant."),
)  # fmt: skip
def small_bases(p: Printed) -> Answer:
    """The order of the bases against that of the printed totals."""
    by_base = sorted(p.size, key=lambda m: BASES[m].total)
    by_total = sorted(p.size, key=lambda m: p.size[m][0])
    small = f"{by_total[0]} with {p.size[by_total[0]][0]:,} parameters"
    return Answer(f"same order; smallest {small}", agree(by_base == by_total))


@claim(
    TABLE3,
    said("4", "flops-per-second", "in terms of floating point operations per second (FLOPS)",
         "Table 3 gives operations per second."),
    said("4", "flops-caption", "Size and floating point operations per second (FLOPS)",
         "Table 3 gives operations per second."),
)  # fmt: skip
def per_second(p: Printed) -> Answer:
    """Whether Table 3's last column is the count of one forward pass."""
    same = sum(round(abs(BASES[m].gflops - p.size[m][2]), 3) < 0.01 for m in p.size)
    note = "FLOPS is often written for FLOPs, the number of operations; a rate needs a time."
    return Answer(f"{same} of 6 are the operations of one image", DIFFERS, note)


# ILSVRC 2012: Russakovsky et al., Int. J. Comput. Vis. 115 (2015) 211-252
IMAGENET = {"training": 1_281_167, "validation": 50_000, "test": 100_000}


@claim(
    "outside the paper: Russakovsky et al. (2015)",
    said("2.2.1", "imagenet-images", "consists of 1.4 million annotated images",
         "ImageNet has this many images.", "1.4 million"),
)  # fmt: skip
def imagenet(_: Printed) -> Answer:
    """The three parts of ILSVRC 2012."""
    parts = ", ".join(f"{number:,} {name}" for name, number in IMAGENET.items())
    number = sum(IMAGENET.values())
    note = "Keras' weights were trained on the training part."
    return Answer(f"{number:,} ({parts})", agree(round(number / 1e5) == 14), note)


@claim(
    "outside the paper: Keras' weights",
    said("2.2.1", "imagenet-classes", "images belonging to 1,000 different classes",
         "ImageNet has this many classes.", "1,000"),
)  # fmt: skip
def imagenet_classes(_: Printed) -> Answer:
    """The classes of Keras' weights."""
    return Answer("1,000 outputs in keras.applications", REPRODUCED)
