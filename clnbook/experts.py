"""How well radiologists' boxes agree, the ceiling of any localisation number.

Serves the pages `localisation` and `baselines`. `printed/README.md` says where the overlaps come
from.
"""

from pathlib import Path

VINDR, RSNA = "VinDr-CXR", "RSNA/NIH"
ONE, BEST, UNSEEN, MEAN_BOX = (
    "one box each", "best match", "unseen as miss", "others' mean box",
)  # fmt: skip
TABLE = Path(__file__).with_name("printed") / "experts.csv.gz"
