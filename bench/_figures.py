"""A figure, how it is measured beside its peer, and how it is printed. Used by every script of this folder."""

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable, Iterable
from time import process_time

from attrs import frozen


@frozen
class Figure:
    """One measured figure; `ratio` to `compared_with`, inverted where `goal` is `>= N` (faster)."""

    figure: str
    value: float
    unit: str
    compared_with: str = ""
    ratio: float | None = None
    goal: str = ""

    @property
    def met(self) -> bool | None:
        if not self.goal or self.ratio is None:
            return None
        sign, limit = self.goal.split()
        return self.ratio <= float(limit) if sign == "<=" else self.ratio >= float(limit)

    def as_json(self) -> str:
        return json.dumps(
            {
                "figure": self.figure,
                "value": float(f"{self.value:.4g}"),
                "unit": self.unit,
                "compared_with": self.compared_with,
                "ratio": None if self.ratio is None else float(f"{self.ratio:.4g}"),
                "goal": self.goal,
                "met": self.met,
            },
            ensure_ascii=False,
        )


@frozen
class Options:
    quick: bool
    json: bool


def options() -> Options:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: seconds instead of a minute")
    parser.add_argument("--json", action="store_true", help="one object a line")
    given = parser.parse_args()
    return Options(given.quick, given.json)


def pin() -> None:
    """Stay on one core, the last one this process may use: the first ones serve the machine's interrupts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def side_by_side(jobs: dict[str, Callable[[], object]], *, quick: bool) -> dict[str, float]:
    """Microseconds of CPU a call of each job: the best of many short runs, taken in turns."""
    rounds, target = (15, 0.03) if quick else (25, 0.05)
    counts = {}
    for name, job in jobs.items():
        job()
        start = process_time()
        job()
        counts[name] = max(1, int(target / rounds * 5 / (process_time() - start)))
    best = dict.fromkeys(jobs, float("inf"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, job in jobs.items():
                repeat = range(counts[name])
                start = process_time()
                for _ in repeat:
                    job()
                best[name] = min(best[name], (process_time() - start) / counts[name])
    finally:
        gc.enable()
    return {name: seconds * 1e6 for name, seconds in best.items()}


def report(figures: Iterable[Figure], *, as_json: bool) -> None:
    """Print each figure as soon as it is there; a table, or one JSON object a line. Exit 1 where a goal is missed."""
    missed = 0
    for figure in figures:
        missed += figure.met is False
        print(figure.as_json() if as_json else _line(figure), flush=True)
    if missed:
        print(f"{missed} goals missed", file=sys.stderr)
        sys.exit(1)


def _line(figure: Figure) -> str:
    faster = "faster than " if figure.goal.startswith(">=") else ""
    ratio = "" if figure.ratio is None else f"{figure.ratio:8.2f} x {faster}{figure.compared_with}"
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    return f"{figure.figure:<52} {figure.value:10.2f} {figure.unit:<8} {ratio:<48} {figure.goal:<8} {verdict}"
