"""What `run` prints: one progress line with the time left, and the table at the end."""

import sys
import time

from course_utils.commands.job import Job, Row

WIDTH = 79  # of the rewritten line


def duration(seconds: float) -> str:
    """Seconds in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class Progress:
    """A line rewritten once a second; where stdout is no terminal, a plain one every 15 seconds."""

    def __init__(self, total: int, jobs: int) -> None:
        self.total, self.jobs = total, jobs
        self.live = sys.stdout.isatty()
        self.shown = 0.0

    def show(self, running: list[Job], waiting: list[Job]) -> None:
        """Which cell each running notebook is in, and how long it may still take."""
        now = time.monotonic()
        if not running or now - self.shown < (1 if self.live else 15):
            return
        self.shown = now
        left = [max(0.0, job.began + job.expected - now) for job in running]
        seconds = (sum(left) + sum(job.expected for job in waiting)) / self.jobs
        cells = ", ".join(f"{job.name} [{job.cell}]" for job in running)
        time_left = f"about {duration(seconds)} left" if seconds else "longer than expected"
        done = self.total - len(running) - len(waiting)
        line = f"{done}/{self.total} done | {cells} | {time_left}"
        if self.live:
            print(f"\r{line[:WIDTH]:{WIDTH}}", end="", flush=True)
        else:
            print(line, flush=True)

    def say(self, line: str) -> None:
        """A line that stays."""
        print(f"\r{line:{WIDTH}}" if self.live else line, flush=True)


def results_in_words(row: Row) -> str:
    """How many promises were kept, with the number of those recorded without one."""
    kept = [result["ok"] for result in row.results if result["ok"] is not None]
    free = len(row.results) - len(kept)
    words = [f"{sum(kept)}/{len(kept)} kept"] if kept else []
    return ", ".join(words + ([f"{free} without a promise"] if free else [])) or "-"


def table(rows: list[Row]) -> str:
    """The rows as text, each with its problems below."""
    lines = [f"{'notebook':36}{'minutes':>8}{'memory':>10}  {'promises':33}outcome"]
    for row in rows:
        memory = f"{row.memory_mb:,.0f} MB"
        numbers = f"{row.minutes:8.1f}{memory:>10}  {results_in_words(row):33}{row.status}"
        lines += [f"{row.name:36}{numbers}", *(f"    {problem}" for problem in row.problems)]
    return "\n".join(lines)
