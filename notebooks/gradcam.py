# %% [markdown]
# # Grad-CAM: Section 3.4.3, Figures 5 and 6
#
# A network that only names findings can still be asked where it looks: Grad-CAM weighs the last
# feature map by the gradient of the finding's score, and a box is drawn around the largest group
# of pixels above a threshold (127 and 180 of 255 in the paper). The paper sets such boxes beside
# those of the box head, for the same network.
#
# Three things are added here: rules for the threshold that favour Grad-CAM (Otsu's, one tuned on
# validation, and the best for each image with the true box in hand, which no rule can beat), the
# blind box that never sees the image, and a check that the maps depend on what was learnt.
#
# Heat maps of the true finding are told the class, as weakly supervised localisation is evaluated.
# One run per backbone: that with the λ of the paper's tables, or the first. Heat maps need a run's
# weights and images; their boxes are then kept with the record, so a published record needs
# neither.

# %% tags=["parameters"]
study: str = "phantom"  # name of a study under runs/ or results/, or its folder
runs: str = "*"  # which of its runs: names or patterns, separated by commas
conventions: str = "paper"  # paper, or switches of it (rows, group, gated, several) as the notebook localisation lists

# %%
from clnlib.evaluation.options import Evaluation

parameters = Evaluation.from_notebook(globals())

# %%
from IPython.display import display

from clnlib import runs as records
from clnlib import tables
from clnlib.evaluation import heatmaps, metrics
from clnlib.tables import gradcam as cams

found = records.study(parameters.study, parameters.runs)
convention = metrics.conventions(parameters.conventions)
shown_runs = tables.paper_runs(found)
chosen = dict(zip(tables.labels(shown_runs), shown_runs, strict=True))
print(f"study {parameters.study}: {len(found)} finished runs, shown: {', '.join(chosen)}")

# %% [markdown]
# ## Heat maps and their boxes
#
# Made once per run and kept with its record.

# %%
from clnlib.errors import InputError

boxes = {}
for name, run in chosen.items():
    if records.attached(run, "gradcam") is None and run.weights.exists():
        from clnlib.model import gradcam

        try:
            rows = run.predictions[run.predictions["part"] != "train"]
            pixels, maps = gradcam.of_run(run, rows, gradcam.TARGETS[:3])
            made = {target: heatmaps.to_grey(m, pixels.shape[1]) for target, m in maps.items()}
            records.attach(run, "gradcam", heatmaps.all_predictions(rows, made))
            records.attach(run, "gradcam_randomisation", gradcam.randomisation(run, rows[:32]))
        except InputError as error:
            print(f"{name}: {error}")
    boxes[name] = records.attached(run, "gradcam")
    if boxes[name] is None:
        print(f"{name}: no heat maps in this record, and no weights or images to make them from")
boxes = {name: frame for name, frame in boxes.items() if frame is not None}

# %% [markdown]
# ## Figure 5: IoU accuracy against T
#
# The paper gives numbers at T = 0.1 alone. A heat map of one cell, or without any positive value,
# selects nothing and counts as a miss; the table further down says how often.

# %%
import matplotlib.pyplot as plt

from clnlib import figures

plt.rcParams.update(figures.style())
for name, frame in boxes.items():
    curves = cams.curves(chosen[name], frame, convention)
    display(cams.styled_curves(curves, name))
    figure, axes = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    axes.set_title(name)
    figures.accuracy_by_threshold(curves, axes)
    plt.show()

# %% [markdown]
# ## Where the maps point, and whether the box head agrees
#
# The maps of the box head's overlap with the true box show where that head looks.

# %%
for name, frame in boxes.items():
    display(cams.styled_beside(cams.beside_the_head(chosen[name], frame), name))

# %% [markdown]
# ## Do the maps depend on what was learnt?
#
# Weights are shuffled from the outputs downwards (Adebayo et al., 2018). Maps that stay alike would
# show the image, not the network.

# %%
for name in boxes:
    sanity = records.attached(chosen[name], "gradcam_randomisation")
    if sanity is not None:
        display(cams.styled_randomisation(sanity, name))

# %% [markdown]
# ## Figure 6: examples
#
# Each finding's median test box by the head's IoU, with the heat map of the true finding and the
# box at 127.

# %%
for name in boxes:
    run = chosen[name]
    test = run.predictions[run.predictions["part"] == "test"]
    shown = metrics.median_rows(test, run.findings)
    cam = cams.boxes_of(run, boxes[name], "127", "true finding").reindex(shown.index)
    shown[figures.images.CAM_BOX] = cam[records.PREDICTED_BOX]
    try:
        from clnlib.model import gradcam

        pixels, maps = gradcam.of_run(run, shown)
        heat = heatmaps.to_grey(maps["true finding"], pixels.shape[1])
        figures.cam_gallery(shown, pixels, heat)
        plt.show()
    except InputError as error:
        print(f"{name}: no pictures: {error}")
