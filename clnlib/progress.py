"""One line of progress, kept up to date where it stands: in a terminal or in a notebook."""

import sys
import time
from types import TracebackType
from typing import Any, Self

PAUSE = 1.0  # seconds between two updates; what is done sooner is not told at all


class Progress:
    """Shows `label: done/total, time left, note` while work goes on.

    In a notebook kernel the same output is replaced, so that an executed copy keeps only the last
    line; in a terminal the line is rewritten; in a log file nothing is shown but the end.
    """

    def __init__(self, label: str, total: int, done: int = 0) -> None:
        self.label, self.total, self.done, self.first, self.note = label, total, done, done, ""
        self.start = time.monotonic()
        self.shown = self.start
        self.handle: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if time.monotonic() - self.start >= PAUSE:
            self._show(last=True)

    def step(self, number: int = 1, note: str | None = None) -> None:
        """Count `number` more as done; `note` is what to say beside it."""
        self.done += number
        self.note = self.note if note is None else note
        if time.monotonic() - self.shown >= PAUSE:
            self._show()

    def _show(self, last: bool = False) -> None:
        self.shown = time.monotonic()
        spent = self.shown - self.start
        fresh = self.done - self.first
        left = spent / fresh * (self.total - self.done) if fresh else 0.0
        clock = f"{spent:.0f} s" if last else f"{left:.0f} s left"
        text = f"{self.label}: {self.done}/{self.total}, {clock}" + (self.note and f"  {self.note}")
        if _in_notebook():
            from IPython.display import display

            if self.handle is None:
                self.handle = display({"text/plain": text}, raw=True, display_id=True)
            else:
                self.handle.update({"text/plain": text}, raw=True)
        elif sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="\n" if last else "", file=sys.stderr, flush=True)
        elif last:
            print(text, file=sys.stderr, flush=True)


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this (ipykernel may be imported without one)."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
