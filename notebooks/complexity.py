# %% [markdown]
# # Parameters and operations: Figure 1 and Table 3
#
# Sections 2.2 and 4 and Table 3 of the paper: how large the six networks are and what one image costs.
# They are built anew here, counted and timed; no record is needed. The study named below only
# decides which backbones are in bold, and which is drawn.

# %% tags=["parameters"]
study: str = "phantom"  # name of a study under runs/ or results/, or its folder
runs: str = "*"  # which of its runs: names or patterns, separated by commas
rows: str = "boxes"  # boxes: every box is a row | images: every image is a row, by its first listed box
group: str = "true"  # rows are grouped by their true | predicted (likeliest) finding
gated: bool = False  # True: a row whose predicted finding is wrong is a miss, IoU 0
several: str = "own"  # overlap with the row's own box | the best of the image's boxes
clipped: bool = True  # True: predicted boxes end at the image's edge, as pictures show them; False: as is

# %%
from clnlib.parameters import Evaluation

parameters = Evaluation.from_notebook(globals())

# %%
from clnbook import complexity, published, style
from clnlib import runs as records
from clnlib.errors import InputError
from clnlib.model.backbones import BACKBONES

try:
    found = records.study(parameters.study, parameters.runs)
except InputError as error:
    found = []
    print(f"no backbone is marked: {error}")
own = list(dict.fromkeys(run.parameters.backbone for run in found))
marked = [published.VARIANTS.get(name, name) for name in own]
drawn = own[0] if own else "mobilenetv3small"

# %% [markdown]
# ## Figure 1: the network
#
# Drawn from the Keras model itself. Both heads read the vector that the pooling gives; the losses
# below the heads are those of Eq. 1, 3 and 4. The copies of grey into RGB and the input scaling
# have no parameters and are left out.

# %% tags=["remove-stderr"] mystnb={"image": {"alt": "Block diagram of the network from top to bottom: grey image, backbone, pooling; then left the finding head of eight softmax outputs, right the box head of 512, 256, 128 and 4 ReLU units; the losses below."}}
import matplotlib.pyplot as plt

from clnlib.model import network

plt.rcParams.update(style.rc())
_, axes = plt.subplots(figsize=(3.5, 5), layout="constrained")
_ = complexity.draw(complexity.blocks(network.build_cln(drawn)), axes)

# %% [markdown]
# ## Table 3
#
# Operations are those of one image of 224 × 224 pixels, by TensorFlow's profiler, a multiplication
# and an addition counted as two. `inside`: counts equal, operations within 0.5 % of the printed.

# %%
from clnbook.costs import measured

costs = measured(BACKBONES)
complexity.styled(complexity.table(costs), marked)

# %% [markdown]
# ## Why the heads read an average
#
# Section 2.2 says that the last feature map is flattened. Then every position of it would have
# weights of its own in both heads, and the networks would be larger than Table 3 prints: it counts
# global average pooling.

# %%
complexity.styled_pooling(costs)

# %% [markdown]
# ## Memory and time
#
# Memory of the parameters alone, and the median time of one image on this machine's processor.
# Times depend on the machine and on what else it does; only their order means something.

# %%
complexity.styled_latency(costs)
