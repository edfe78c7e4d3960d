"""How far an import is, on stderr of a terminal; machines and pipes see nothing of it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def import_progress(file: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what an import tells its lines to, written and in all; it may be called from any thread."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task(file, total=None)
        yield lambda done, total: progress.update(task, total=total, completed=done)
