# %% [markdown]
# # Stage 2: CLN
#
# Sections 2.2.2 to 2.3 of the paper: the backbone feeds a finding head (softmax) and a box head
# (512, 256, 128, 4, all ReLU); the loss is λ · cross-entropy + (1 − λ) · (1 − IoU). Adam, batches
# of 16, rate 0.001 halved every 4 epochs, stopping after 20 epochs without a better validation
# loss.
#
# One run; the page of a study shows its first. The default draws phantoms and learns from scratch in minutes. `-p dataset nih880` takes the real
# images with the paper's 224 pixels and schedule. A killed run goes on after its last epoch when
# started again with the same parameters.

# %% tags=["parameters"]
dataset: str = "phantom"  # phantom | nih880 | path to a COCO detection file (.json)
image_size: "int or None" = None  # pixels per side, 32 to 1024; None: 224, and 80 for the phantom
phantom_images: int = 880  # number of phantom images, 40 to 880
phantom_contrast: float = 4.0  # how strongly phantom findings show; 0 (not at all) to 4
exclude_unreadable: bool = False  # True: leave unreadable images out and name them in the manifest; False: stop
image_folder: "str or None" = None  # folder of a COCO file's images; None: beside it
protocol: str = "patient"  # what may not lie in two parts of the split: patient | image | box
split_seed: int = 0  # seed of the split, 0 or more
fold: int = 0  # which fifth of the split is the test part, 0 to 4
study: str = "trial"  # name of the study: the run is kept in runs/<study>/
backbone: str = "mobilenetv3small"  # resnet50v2 | mobilenetv3small | efficientnetb4 | inceptionv3 | xception | chexnet
weights: "str or None" = None  # None | imagenet | Keras weight file of the backbone | folder of a finetune run
pooling: str = "avg"  # avg (what Table 3 counts) | flatten (what section 2.2 says)
seed: int = 0  # seed of weights, order and augmentation, 0 or more
epochs: "int or None" = None  # most epochs, 1 to 1000; None: 100, and 10, 24 with mobilenetv3small, 16 with efficientnetb4, 16 with inceptionv3, 12 with xception for the phantom
batch_size: int = 16  # images per step, 1 to 1024
learning_rate: "float or None" = None  # Adam's first learning rate, above 0 to 1; None: 0.001, and 0.0003, 0.001 with mobilenetv3small, 0.001 with efficientnetb4, 0.0001 with xception for the phantom
halve_every: "int or None" = None  # epochs after which the rate is halved, 1 or more; None: 4, and 8 for the phantom
rate_rule: str = "steps"  # halve every halve_every epochs: steps | after so many without a better monitor: plateau
min_learning_rate: float = 1e-06  # floor of the learning rate, 0 to 1
patience: int = 20  # epochs without a better monitor before stopping, 1 or more
keep: str = "best"  # weights a run ends with: best (epoch by the monitor) | last
augment: "bool or None" = None  # random shift, scale, rotation, brightness and contrast; None: False, and False, True with mobilenetv3small for the phantom
flip: bool = False  # augmentation also mirrors left and right (a heart has a side)
bn_momentum: "float or None" = None  # BatchNorm momentum, 0 to below 1; None: the backbone's own, and 0.9 for the phantom
freeze: str = "nothing"  # layers that do not train: nothing | batchnorm | backbone
precision: str = "float32"  # float32 | mixed_float16 | mixed_bfloat16 (heads stay float32)
deterministic: bool = True  # False: faster on a GPU (benchmarks/step_speed.py), but no training is repeated to the bit
devices: int = 1  # devices that share each batch; several need the backend JAX
restart: bool = False  # True: discard a record of these parameters and start anew
lam: float = 0.4  # λ of Eq. 4, the weight of the cross-entropy; 0 to 1
box_unit: str = "pixels"  # what the box head's outputs count: pixels | relative (of the side); the paper names none
loss: str = "iou"  # box loss: iou (Eq. 3) | giou | ciou
monitor: str = "val_loss"  # val_loss | val_finding_loss | val_box_loss | val_box_iou

# %%
from clnlib.parameters import Train

parameters = Train.from_notebook(globals())

# %% [markdown]
# ## Training

# %% tags=["nbval-ignore-output"]
from clnlib.model.training import train

run = train(parameters)
print(run.folder.name)
print(run.provenance["device"], f"{run.provenance['seconds']:.0f} s,", run.provenance["rows"])
for warning in run.provenance["warnings"]:
    print("warning:", warning)

# %% [markdown]
# ## Learning curves
#
# Thin: training; thick: validation. `no_overlap` is the share of boxes that miss the true one
# altogether: there the IoU loss has no gradient. `empty` boxes have none either; a box head that
# gives only those is dead.

# %% mystnb={"image": {"alt": "Three panels of learning curves over the epochs: losses; accuracy and IoU; shares of boxes without overlap and of empty boxes. Training thin, validation thick, a dotted line at the epoch that was kept."}}
import matplotlib.pyplot as plt

from clnbook import images, style, summary, training, yardsticks

plt.rcParams.update(style.rc(run.findings))
figure, panels = plt.subplots(3, 1, figsize=(3.5, 6.5), sharex=True, layout="constrained")
names = (["loss", "finding_loss", "box_loss"], ["finding_accuracy", "box_iou"],
         ["box_no_overlap", "box_empty"])  # fmt: skip
for axes, columns in zip(panels, names, strict=True):
    training.learning_curves(run.history, columns, run.provenance["best_epoch"], axes)

# %% [markdown]
# ## The test, beside a box that never sees the image
#
# Means over findings with 95 % intervals over patients. The blind box is the class medoid of the
# training boxes, and it is told the true finding, which the network is not.

# %% tags=["nbval-ignore-output"]
numbers = summary.summary(run)
summary.styled(numbers)

# %% tags=["nbval-ignore-output"]
yardsticks.styled({"this run": run})

# %% mystnb={"image": {"alt": "IoU accuracy against T: the network and the blind box, each in the band of its interval. The numbers are in the table above."}}
figure, axes = plt.subplots(figsize=(3.5, 2.6), layout="constrained")
_ = training.accuracy(numbers, axes)

# %% [markdown]
# ## True and predicted boxes
#
# Each finding's median test box by IoU, neither the best nor the worst.

# %% tags=["shows-images"] mystnb={"image": {"alt": "One test image per finding with the true box in green and the predicted one in orange, their IoU above."}}
from clnlib.data import sources
from clnlib.metrics import localisation as metrics

_, _, store = sources.prepared(parameters)
test = run.part("test")
shown = metrics.median_rows(test, run.findings)
_ = images.gallery(shown, store.images[shown["image"].map(store.index)])
