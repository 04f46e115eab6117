# %% [markdown]
# # Prepare: annotations, split, store
#
# Section 2.1 of the paper takes 984 expert boxes on 880 radiographs, sets 20 % aside for the test
# and a tenth of the rest for validation, and resizes every image to 224 × 224. This notebook does
# the same and looks at the result. It reads
#
# - `phantom` (default): drawn radiographs with the real names, patients and boxes; nothing to
#   download,
# - `nih880`: the real images, found under the folder that the variable `CLN_NIH_DIR` names,
# - or the path of a COCO detection file: boxes of your own.

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

# %%
from clnlib.parameters import Prepare

parameters = Prepare.from_notebook(globals())

# %% [markdown]
# ## The boxes and the store
#
# Every image is decoded once, turned into grey, resized with anti-aliasing and kept in one memory
# map; a second call only opens it.

# %% tags=["nbval-ignore-output"]
from clnlib.data import sources, splits

source, split, store = sources.prepared(parameters)
print(f"{source.name}: {len(split)} boxes, {len(store.names)} images, {parameters.size} pixels")
print(f"split {splits.split_sha256(split)[:12]}, store {store.sha256[:12]}")
for line in splits.thin_findings(split):
    print("note:", line)

# %% [markdown]
# ## The split
#
# Under the protocol `patient` no patient lies in two parts. The paper words a split by image, and
# its printed numbers admit one by box; both let the network see patients of the test.

# %%
import pandas as pd

from clnbook import images, style

order = list(source.findings)
counts = pd.crosstab(split["finding"], split["part"])
style.page(counts.reindex(order, columns=splits.PARTS, fill_value=0), "")

# %%
from clnbook.audit.leakage import leakage

style.page(leakage(split), "")

# %% [markdown]
# ## What the network sees
#
# One image per finding with its expert box.

# %% tags=["shows-images"] mystnb={"image": {"alt": "One image per finding with its expert box in green."}}
import matplotlib.pyplot as plt

plt.rcParams.update(style.rc(source.findings))
rows = [split.index[split["finding"] == finding][0] for finding in order]
first = split.loc[rows]
_ = images.gallery(first, store.images[first["image"].map(store.index)])
