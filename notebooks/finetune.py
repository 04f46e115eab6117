# %% [markdown]
# # Stage 1: the backbone on 14 findings
#
# Section 2.2.1 of the paper: a backbone pretrained on ImageNet is trained on the official
# train/validation list of ChestX-ray14 with 14 sigmoid outputs and binary cross-entropy; the epoch
# with the best validation result is kept. Here that is the best mean AUC. No patient with an
# expert box is used, so stage 2 can be tested on any of them.
#
# `-p dataset nih14` takes every image of the official lists that is under `CLN_NIH_DIR`; the
# default draws phantoms. A killed run goes on after its last epoch when started again.

# %% tags=["parameters"]
dataset: str = "phantom"  # phantom | nih14 (every image under CLN_NIH_DIR in the official lists)
image_size: "int or None" = None  # pixels per side, 32 to 1024; None: 224, and 80 for the phantom
phantom_images: int = 880  # number of phantom images, 40 to 20000
phantom_contrast: float = 4.0  # how strongly phantom findings show; 0 (not at all) to 4
exclude_unreadable: bool = False  # True: leave unreadable images out and name them in the manifest; False: stop
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
train_images: "int or None" = None  # images of the training part that are used, drawn at random; None: all
resolution: "int or None" = None  # pixels per side to which nih14's files are reduced first, smaller ones being unreadable; None: files of several sizes are refused

# %%
from clnlib.parameters import Finetune

parameters = Finetune.from_notebook(globals())

# %% [markdown]
# ## Training

# %% tags=["nbval-ignore-output"]
from clnlib.model.training import finetune

run = finetune(parameters)
print(run.folder.name)
print(run.provenance["device"], f"{run.provenance['seconds']:.0f} s,", run.provenance["rows"])

# %% [markdown]
# ## Learning curves
#
# Thin: training; thick: validation.

# %% mystnb={"image": {"alt": "Two panels of learning curves over the epochs: loss and mean AUC; training thin, validation thick, a dotted line at the epoch that was kept."}}
import matplotlib.pyplot as plt

from clnbook import style, training

plt.rcParams.update(style.rc(run.findings))
figure, (upper, lower) = plt.subplots(
    2, 1, figsize=(3.5, 4.4), sharex=True, layout="constrained"
)
best = run.provenance["best_epoch"]
training.learning_curves(run.history, ["loss"], best, upper)
_ = training.learning_curves(run.history, ["auc"], best, lower)

# %% [markdown]
# ## AUC on images it has not seen
#
# One label against its absence; intervals (95 %) over patients. A missing value means that the
# part has no image with, or none without, the finding.

# %% tags=["nbval-ignore-output"]
training.styled_label_auc(training.label_auc(run))
