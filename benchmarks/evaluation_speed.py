"""Seconds for the whole evaluation of one run at 10,000 resamples, Grad-CAM left out.

    python benchmarks/evaluation_speed.py [--run results/<study>/<run>] [--resamples 10000]

Table 1 beside the blind box, Table 2 with both intervals, and the four blind boxes, each with
intervals over patients. Two clocks: the wall's, and the processor's, which a busy machine changes
little. Imports and reading the record are told apart from the evaluation.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

CLOCKS = (time.perf_counter, time.process_time)


def seconds(work: Callable[[], object]) -> list[float]:
    start = [clock() for clock in CLOCKS]
    work()
    return [clock() - begin for clock, begin in zip(CLOCKS, start, strict=True)]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--run", help="a finished run; default: the first of the published trials")
    words.add_argument("--resamples", type=int, default=10_000)
    given = words.parse_args()

    def imported() -> None:
        import scipy.stats  # noqa: F401  (Wilson and BCa import it when called)

        from clnbook import baselines, classification, localisation  # noqa: F401

    start = seconds(imported)
    from clnbook import baselines, classification, localisation
    from clnlib import paths, runs

    place = paths.results() / "nih880-trials"
    run = runs.read(Path(given.run)) if given.run else runs.study(str(place))[0]
    taken = {
        "Table 1": seconds(lambda: localisation.table(run, resamples=given.resamples)),
        "Table 2": seconds(lambda: classification.table(run, resamples=given.resamples)),
        "blind boxes": seconds(lambda: baselines.table(run, resamples=given.resamples)),
    }
    total = [sum(times) for times in zip(*taken.values(), strict=True)]
    print(f"{run.folder.name}, {given.resamples} resamples; imports: {start[0]:.2f} s")
    for name, (wall, processor) in (taken | {"together": total}).items():
        print(f"{name:11s} {wall:6.2f} s (processor {processor:.2f} s)")


if __name__ == "__main__":
    main()
