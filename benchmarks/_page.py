"""benchmarks/RESULTS.md and its pictures, from what RESULTS.json holds."""

import re
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from statistics import fmean

FOLDER = Path(__file__).parent
TESTS = FOLDER.parent / "tests"
GOAL = re.compile(r"\((?:must be |at most )?(<=|>=|)\s*([\d.]+(?:/\d+)?)")
SUMMARY = (  # title, benchmark, what it measures, and the runs of either recipe
    (
        "VAE: test loss, nats per image",
        "vae",
        "test loss",
        {
            "usual recipe": ("plain recipe, 5 epochs", "plain recipe, 10 epochs"),
            "the course's": tuple(f"grey, {n} epochs" for n in (2, 4, 6, 10)),
        },
    ),
    (
        "GAN: Fréchet distance",
        "gan",
        "Fréchet distance",
        {"usual recipe": ("plain WGAN-GP",), "the course's": ("ours",)},
    ),
    (
        "GPT: nats per character",
        "text",
        "nats per character",
        {
            "usual recipe": ("plain recipe",),
            "the course's": ("ours, same context", "ours, lesson"),
        },
    ),
)


def spread(runs: list[float | str]) -> str:
    """Mean, smallest and largest of the runs; a single one, or a text, as it is."""
    if isinstance(runs[0], str):
        return runs[0]
    text = f"{fmean(runs):.4g}"
    return text if len(runs) == 1 else f"{text} ({min(runs):.4g} to {max(runs):.4g})"


def reached(what: str, runs: list[float]) -> str | None:
    """In how many runs the goal that stands in the name is reached, "2 of 3"; None without one."""
    goal = GOAL.search(what)
    if not goal or not any(word in goal[0] for word in ("must", "at most", "=")):
        return None
    bound = float(Fraction(goal[2]))
    if "at most" in goal[0] or goal[1] == "<=":
        good = [value <= bound for value in runs]
    else:
        good = [value >= bound if goal[1] else value == bound for value in runs]
    return f"{sum(good)} of {len(good)}"


def page(results: dict) -> str:
    """The whole of RESULTS.md: ratios and goals, every benchmark, and the tests' planted faults."""
    lines = ["# Measured", ""]
    lines += [
        "Written by `make bench`. Absolute times depend on the machine; ratios are the result."
    ]
    lines += ["", "## Ratios and goals", "", *_goals(results), ""]
    lines += [
        "![Three charts of quality against CPU seconds. For VAE, GAN and GPT, the usual recipe and "
        "the course's recipe.](summary.svg)",
        "",
        "Further left costs less, further down is better. Each large mark is a run of its own, "
        "trained to its end (mean of the seeds); small ones are single seeds.",
        "",
    ]
    for name, result in results.items():
        lines += [f"## {name}", "", result["what"], ""]
        memory = f"; peak {result['peak MB']:,.0f} MB" if "peak MB" in result else ""
        lines += [
            f"*{result['machine']}; {result['seeds']} seeds; {result['minutes']} min{memory}*"
        ]
        lines += ["", *_tables(result["values"])]
        if name == "growth":
            lines += ["![CPU time against size, 1 to 8 times the smallest, on double logarithmic "]
            lines[-1] += "axes beside lines of exponent 0, 1 and 2.](growth.svg)"
            lines += ["", "Grey lines grow with exponents 0, 1 and 2.", ""]
    lines += ["## tests", "", *_tests()]
    return "\n".join(lines)


def _tests() -> list[str]:
    """What the tests notice: planted faults, changes of the code, and hardships from outside."""
    faults, mutation, hardship = (
        (TESTS / name / "RESULTS.md").read_text(encoding="utf-8")
        for name in ("faults", "mutation", "hardship")
    )
    planted = faults.split("\n\n")[1].split(" Written by")[0]
    together = re.search(r"^\| all \|.*$", mutation, re.MULTILINE)[0]
    _, _, tried, noticed, *_, score, corrected = (x.strip() for x in together.strip("|").split("|"))
    return [
        f"**Planted faults** (tests/faults): {planted}",
        "",
        f"**Mutation testing** (tests/mutation): of {tried} small changes of the code {noticed} "
        f"are noticed, {score}; without those that no test can tell from the code, {corrected}.",
        "",
        "**Hardships** (tests/hardship):",
        "",
        hardship.partition("\n\n")[2],
    ]


def _goals(results: dict) -> list[str]:
    """Every ratio, and every number that has a goal, with how many runs reach it."""
    lines = ["| benchmark | what | mean (smallest to largest) | reached |", "|---|---|---:|---:|"]
    for name, result in results.items():
        for what, runs in result["values"].items():
            if " | " in what:  # a field of a table
                continue
            count = reached(what, runs)
            if count or ", x " in what:
                lines.append(f"| {name} | {what} | {spread(runs)} | {count or ''} |")
    return lines


def _tables(values: dict[str, list]) -> list[str]:
    """One row for each number; names "row | column" make rows with several columns."""
    single = {what: runs for what, runs in values.items() if " | " not in what}
    lines = ["| what | mean (smallest to largest) |", "|---|---:|"] if single else []
    lines += [f"| {what} | {spread(runs)} |" for what, runs in single.items()] + [""] * bool(single)
    rows: dict[str, dict[str, str]] = {}
    for what, runs in values.items():
        row, bar, column = what.partition(" | ")
        if bar:
            rows.setdefault(row, {})[column] = spread(runs)
    for columns, group in groupby(sorted(rows.items(), key=_width), lambda pair: list(pair[1])):
        lines += ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
        lines += [f"| {row} | " + " | ".join(fields.values()) + " |" for row, fields in group]
        lines += [""]
    return lines


def _width(row: tuple[str, dict]) -> int:
    return -len(row[1])  # rows with the same columns stand together


def draw_summary(results: dict, path: Path) -> None:
    """Quality against CPU seconds: the usual recipe, and the course's."""
    import matplotlib.pyplot as plt

    from course_utils.plotting import COLORS, new_row

    looks = {"usual recipe": ("s--", COLORS["baseline"]), "the course's": ("o-", COLORS["train"])}
    for ax, (title, benchmark, unit, recipes) in zip(new_row(3, 11, 3.4), SUMMARY, strict=True):
        values = results[benchmark]["values"]
        for recipe, runs in recipes.items():
            mark, color = looks[recipe]
            points = [[_find(values, f"{run}, {axis}") for axis in ("CPU s", unit)] for run in runs]
            ax.plot(
                *zip(*[map(fmean, p) for p in points], strict=True), mark, color=color, label=recipe
            )
            for seconds, quality in points:
                ax.plot(seconds, quality, ".", color=color, alpha=0.5, markersize=4)
        ax.set(title=title, xlabel="CPU seconds")
        ax.set_xlim(left=0)
        ax.legend()
    with plt.rc_context({"svg.hashsalt": "course"}):  # the same numbers, the same file
        ax.figure.savefig(path, metadata={"Date": None})
    plt.close(ax.figure)


def _find(values: dict[str, list[float]], beginning: str) -> list[float]:
    """The runs of the first number whose name begins so: a goal may follow."""
    for what, runs in values.items():
        if what.startswith(beginning):
            return runs
    raise ValueError(f"no number begins with {beginning!r}: has a benchmark renamed it?")
