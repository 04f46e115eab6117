# %% [markdown]
# # Predict: a trained run on your own radiographs
#
# **Research software: not a medical device, not validated for any clinical use.** The network
# names one of its findings for every image, also for a healthy or a foreign one, and its box is
# one guess.
#
#     papermill notebooks/predict.ipynb out.ipynb -p run runs/trial/<run> -p images <file or folder>
#
# PNG, JPEG and DICOM files are read. For many files the results are `predictions.csv` and
# `predictions.json` (COCO detection format) in the folder `out`.
#
# The page of this notebook in the book shows phantoms: drawn radiographs of the run's own test part,
# which it was not trained on, written to files by `python -m clnbook.jobs draw`.

# %% tags=["parameters"]
run: str = "models/mobilenetv3small"  # a finished train run: its folder, or <study>/<run> under runs/; the default is the small network that comes with the repository
images: str = ""  # an image file (PNG, JPEG, DICOM) or a folder of them
out: str = "predictions"  # folder for predictions.csv, predictions.json, pictures
show: int = 6  # number of pictures to draw, 0 or more

# %%
from clnlib.parameters import Predict

parameters = Predict.from_notebook(globals())

# %% tags=["nbval-ignore-output"]
from clnlib.model.predict import RESEARCH_ONLY, predict

print(RESEARCH_ONLY)
table = predict(parameters)

# %% [markdown]
# ## What it says
#
# A file a row: the likeliest finding, and its box in pixels of the file. Every finding's probability
# is in `predictions.csv`.

# %%
from clnbook.style import page

shown = table.drop(columns=[c for c in table if c.startswith("p_")])
page(shown.head(20), "").format(precision=2, na_rep="–")

# %% [markdown]
# ## Pictures
#
# The box and how the probability is shared among the findings.

# %% tags=["shows-images"] mystnb={"image": {"alt": "A radiograph with the predicted box in orange; beside it the probability of every finding as bars, the likeliest on top."}}
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import display

from clnbook.fonts import families
from clnbook.images import prediction
from clnbook.style import save
from clnlib.data.images import read_grey
from clnlib.model.predict import image_files

plt.rcParams["font.family"] = families([*table["image"], *table])
files = {file.name: file for file in image_files(parameters.images)}
for _, row in table[table["problem"] == ""].head(parameters.show).iterrows():
    figure = prediction(read_grey(files[row["image"]]), row)
    display(figure)
    save(figure, Path(parameters.out).expanduser() / f"{row['image']}.box.png")
