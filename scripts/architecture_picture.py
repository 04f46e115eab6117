"""Draw the block diagram of the page on the method from the Keras model.

python scripts/architecture_picture.py [book/architecture.svg]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

from clnbook import complexity, style
from clnlib.model import network

BACKBONE = "mobilenetv3small"


def main() -> None:
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "book/architecture.svg")
    plt.rcParams.update(style.rc())
    figure, axes = plt.subplots(figsize=(3.5, 5), layout="constrained")
    complexity.draw(complexity.blocks(network.build_cln(BACKBONE)), axes)
    style.save(figure, file)
    print(file)


if __name__ == "__main__":
    main()
