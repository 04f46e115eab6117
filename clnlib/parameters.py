"""One schema for every parameter of every stage: a notebook's cell, a YAML and `papermill -p`.

Each field's description is one line of meaning, unit and range; it is also the comment in the
notebook's `parameters` cell, which `cell()` writes and a test compares.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, cast, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from clnlib.cells import assigned
from clnlib.defaults import PAPER, PHANTOM, PHANTOM_OF, stands_for
from clnlib.errors import InputError, nearest, not_allowed

Backbone = Literal[
    "resnet50v2", "mobilenetv3small", "efficientnetb4", "inceptionv3", "xception", "chexnet"
]
BACKBONES: tuple[str, ...] = get_args(Backbone)
"""The paper's six, in the order of Table 3, then others; each has a row in `model/backbones.py`."""

BOXED_DATA = ("phantom", "nih880")
LABELLED_DATA = ("phantom", "nih14")
"""The data sets by name: of stage 2, which also takes the path of a COCO file, and of stage 1."""

Monitor = Literal["val_loss", "val_finding_loss", "val_box_loss", "val_box_iou"]
# The fields that say which images and first weights; a run is named by the content of these.
_CONTENT = ("dataset", "image_folder", "phantom_images", "phantom_contrast", "weights")


def _field(default: Any, text: str, **bounds: Any) -> Any:
    """A field; one that is younger than the first records has a `neutral` value (`recorded`)."""
    extra = {"neutral": bounds.pop("neutral")} if "neutral" in bounds else None
    return Field(default=default, description=text, json_schema_extra=extra, **bounds)


class Parameters(BaseModel):
    """The base of all schemas: values cannot change, names are closed, errors are one line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> Self:
        """Build the parameters from names and values.

        Raises
        ------
        InputError
            An unknown name (the nearest valid one is given) or a value out of its range.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            lines = (cls._explain(dict(detail)) for detail in error.errors())
            raise InputError("; ".join(lines)) from None

    @classmethod
    def recorded(cls, values: Mapping[str, Any]) -> Self:
        """The parameters of a record; a field that is younger than the record is neutral there.

        A field's `neutral` value, where it has one, leaves training as it was before the field
        existed.
        """
        return cls.check({**cls._neutral(), **values})

    @classmethod
    def _neutral(cls) -> dict[str, Any]:
        extras = {name: field.json_schema_extra for name, field in cls.model_fields.items()}
        return {name: extra["neutral"] for name, extra in extras.items() if isinstance(extra, dict)}

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any]) -> Self:
        """Build the parameters from a notebook's globals, after its `parameters` cells have run.

        Every name that those cells assign is a parameter, so that one that `papermill -p`
        injected by mistake is refused instead of ignored; what else the kernel holds does not
        count.
        """
        names = assigned(namespace.get("In", ()), cls.model_fields)
        return cls.check({name: namespace[name] for name in names & set(namespace)})

    @classmethod
    def _explain(cls, detail: dict[str, Any]) -> str:
        """A problem that pydantic reports, as one line."""
        name = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            close = nearest(name, cls.model_fields)
            hint = f"; did you mean {close!r}?" if close else ""
            return f"unknown parameter {name!r} of {cls.__name__.lower()}{hint}"
        reason = str(detail["msg"]).removeprefix("Value error, ")
        if detail["type"] == "value_error":
            return reason
        reason = reason[0].lower() + reason[1:]
        meaning = cls.model_fields[str(detail["loc"][0])].description
        if detail["type"] == "missing":
            return f"parameter {name}: missing ({meaning})"
        hint = ""
        if detail["type"] == "literal_error":
            allowed = detail["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            close = nearest(detail["input"], allowed)
            hint = f"; did you mean {close!r}?" if close else ""
        number = detail["type"] == "string_type" and isinstance(detail["input"], int | float)
        if number and cls.__module__ == __name__:  # a notebook's parameters
            hint = f"; papermill -p makes a number of it, -r {name} … leaves it as it is typed"
        return f"parameter {name}={detail['input']!r}: {reason}{hint} ({meaning})"

    def filled(self) -> Self:
        """The same parameters with the defaults of their data set in place of None."""
        phantom = getattr(self, "dataset", None) == "phantom"
        defaults = dict(PHANTOM if phantom else PAPER)
        if phantom:
            defaults |= PHANTOM_OF.get(getattr(self, "backbone", ""), {})
        values = self.model_dump()
        empty = {k: v for k, v in defaults.items() if k in values and values[k] is None}
        return self.model_copy(update=empty)


class Images(Parameters):
    """The images: their data set, their size, and how a phantom is drawn."""

    _datasets: ClassVar[tuple[str, ...]] = (*BOXED_DATA, "<path>.json")

    dataset: str = _field(
        "phantom", f"{' | '.join(BOXED_DATA)} | path to a COCO detection file (.json)"
    )
    image_size: int | None = _field(
        None, f"pixels per side, 32 to 1024; {stands_for('image_size')}", ge=32, le=1024
    )
    phantom_images: int = _field(880, "number of phantom images, 40 to 880", ge=40, le=880)
    phantom_contrast: float = _field(
        4.0, "how strongly phantom findings show; 0 (not at all) to 4", ge=0, le=4
    )
    exclude_unreadable: bool = _field(
        False, "True: leave unreadable images out and name them in the manifest; False: stop"
    )

    @field_validator("dataset")
    @classmethod
    def _is_known(cls, value: str) -> str:
        a_file = "<path>.json" in cls._datasets and value.lower().endswith(".json")
        if value not in cls._datasets and not a_file:
            raise not_allowed("parameter dataset", value, cls._datasets)
        return value

    @property
    def size(self) -> int:
        """Pixels per side, the data set's default filled in."""
        return cast(int, self.filled().image_size)


class Prepare(Images):
    """Everything that happens before training: tables, split and decoded images."""

    image_folder: str | None = _field(None, "folder of a COCO file's images; None: beside it")
    protocol: Literal["patient", "image", "box"] = _field(
        "patient", "what may not lie in two parts of the split: patient | image | box"
    )
    split_seed: int = _field(0, "seed of the split, 0 or more", ge=0)
    fold: int = _field(
        0, "which fifth of the split is the test part, 0 to 4", neutral=0, ge=0, le=4
    )


class _Fit(Parameters):
    """What both training stages share; the defaults are the paper's (section 2.3)."""

    study: str = _field(
        "trial", "name of the study: the run is kept in runs/<study>/", pattern=r"^\w[\w.-]*$"
    )
    backbone: Backbone = _field("mobilenetv3small", " | ".join(BACKBONES))
    weights: str | None = _field(
        None, "None | imagenet | Keras weight file of the backbone | folder of a finetune run"
    )
    pooling: Literal["avg", "flatten"] = _field(
        "avg", "avg (what Table 3 counts) | flatten (what section 2.2 says)"
    )
    seed: int = _field(0, "seed of weights, order and augmentation, 0 or more", ge=0)
    epochs: int | None = _field(
        None, f"most epochs, 1 to 1000; {stands_for('epochs')}", ge=1, le=1000
    )
    batch_size: int = _field(16, "images per step, 1 to 1024", ge=1, le=1024)
    learning_rate: float | None = _field(
        None,
        f"Adam's first learning rate, above 0 to 1; {stands_for('learning_rate')}",
        gt=0,
        le=1,
    )
    halve_every: int | None = _field(
        None, f"epochs after which the rate is halved, 1 or more; {stands_for('halve_every')}", ge=1
    )
    rate_rule: Literal["steps", "plateau"] = _field(
        "steps",
        "halve every halve_every epochs: steps | after so many without a better monitor: plateau",
        neutral="steps",
    )
    min_learning_rate: float = _field(1e-6, "floor of the learning rate, 0 to 1", ge=0, le=1)
    patience: int = _field(20, "epochs without a better monitor before stopping, 1 or more", ge=1)
    keep: Literal["best", "last"] = _field(
        "best", "weights a run ends with: best (epoch by the monitor) | last", neutral="best"
    )
    augment: bool | None = _field(
        None, f"random shift, scale, rotation, brightness and contrast; {stands_for('augment')}"
    )
    flip: bool = _field(False, "augmentation also mirrors left and right (a heart has a side)")
    bn_momentum: float | None = _field(
        None, f"BatchNorm momentum, 0 to below 1; {stands_for('bn_momentum')}", ge=0, lt=1
    )
    freeze: Literal["nothing", "batchnorm", "backbone"] = _field(
        "nothing", "layers that do not train: nothing | batchnorm | backbone"
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = _field(
        "float32", "float32 | mixed_float16 | mixed_bfloat16 (heads stay float32)"
    )
    deterministic: bool = _field(
        True,
        "False: faster on a GPU (benchmarks/step_speed.py), but no training is repeated to the bit",
        neutral=True,
    )
    devices: int = _field(
        1, "devices that share each batch; several need the backend JAX", neutral=1, ge=1
    )
    restart: bool = _field(False, "True: discard a record of these parameters and start anew")

    @property
    def most_epochs(self) -> int:
        """The most epochs to train, the data set's default filled in."""
        return cast(int, self.filled().epochs)

    @property
    def first_rate(self) -> float:
        """Adam's first learning rate, the data set's default filled in."""
        return cast(float, self.filled().learning_rate)

    def effective(self) -> dict[str, Any]:
        """The values that decide a training, defaults filled in, for the name of the run.

        What names a file or a data set is left out, because its content counts instead; so is a
        field at its neutral value, so that a new field leaves the names of older runs as they are.
        """
        values = self.filled().model_dump(exclude={*_CONTENT, "study", "restart"})
        neutral = self._neutral()
        return {k: v for k, v in values.items() if k not in neutral or v != neutral[k]}


class Finetune(_Fit, Images):
    """Stage 1: the backbone on 14 findings, binary cross-entropy (section 2.2.1)."""

    _datasets: ClassVar[tuple[str, ...]] = LABELLED_DATA
    monitor: ClassVar[str] = "val_auc"

    dataset: str = _field(
        "phantom",
        f"{' | '.join(LABELLED_DATA)} (every image under CLN_NIH_DIR in the official lists)",
    )
    phantom_images: int = _field(880, "number of phantom images, 40 to 20000", ge=40, le=20000)
    train_images: int | None = _field(
        None, "images of the training part that are used, drawn at random; None: all",
        neutral=None, ge=16,
    )  # fmt: skip
    resolution: int | None = _field(
        None,
        "pixels per side to which nih14's files are reduced first, smaller ones being unreadable; "
        "None: files of several sizes are refused",
        neutral=None,
        ge=32,
        le=1024,
    )


class Train(_Fit, Prepare):
    """Stage 2: both heads, λ · CE + (1 − λ) · box loss (Eq. 4)."""

    lam: float = _field(0.4, "λ of Eq. 4, the weight of the cross-entropy; 0 to 1", ge=0, le=1)
    box_unit: Literal["pixels", "relative"] = _field(
        "pixels",
        "what the box head's outputs count: pixels | relative (of the side); the paper names none",
        neutral="relative",
    )
    loss: Literal["iou", "giou", "ciou"] = _field("iou", "box loss: iou (Eq. 3) | giou | ciou")
    monitor: Monitor = _field("val_loss", " | ".join(get_args(Monitor)))


class Conventions(Parameters):
    """How IoU accuracy counts; the defaults are the paper's wording (section 3.1)."""

    rows: Literal["boxes", "images"] = _field(
        "boxes", "boxes: every box is a row | images: every image is a row, by its first listed box"
    )
    group: Literal["true", "predicted"] = _field(
        "true", "rows are grouped by their true | predicted (likeliest) finding"
    )
    gated: bool = _field(False, "True: a row whose predicted finding is wrong is a miss, IoU 0")
    several: Literal["own", "best"] = _field(
        "own", "overlap with the row's own box | the best of the image's boxes"
    )
    clipped: bool = _field(
        True, "True: predicted boxes end at the image's edge, as pictures show them; False: as is"
    )


class Runs(Parameters):
    """Finished runs of a study."""

    study: str = _field("phantom", "name of a study under runs/ or results/, or its folder")
    runs: str = _field("*", "which of its runs: names or patterns, separated by commas")


class Evaluation(Conventions, Runs):
    """Finished runs of a study, read under named conventions."""


class Predict(Parameters):
    """A finished run applied to image files."""

    run: str = _field(
        "models/mobilenetv3small",
        "a finished train run: its folder, or <study>/<run> under runs/; "
        "the default is the small network that comes with the repository",
    )
    images: str = _field("", "an image file (PNG, JPEG, DICOM) or a folder of them")
    out: str = _field("predictions", "folder for predictions.csv, predictions.json, pictures")
    show: int = _field(6, "number of pictures to draw, 0 or more", ge=0)
