"""The scoreboard's tables, from benchmarks/RESULTS.json into the pages: python docs/scoreboard.py

What `python -m benchmarks scoreboard` has measured replaces everything between the comments
`<!-- scoreboard: NAME -->` and `<!-- scoreboard end -->` of a page; NAME is a key of TABLES. So no
number of these tables is typed by hand.
"""

import json
import re
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "RESULTS.json"
MARKED = re.compile(r"(<!-- scoreboard: (.+?) -->\n).*?(<!-- scoreboard end -->)", re.DOTALL)

Rows = dict[str, dict[str, float]]  # name of a model -> column -> mean over the seeds

FLOOR = "real training images (floor)"  # it does not compete
TABLES = {
    "images": ("nats per image", "Fréchet distance", "precision", "recall", "CPU min"),
    "images in full": (
        *("nats per image", "bits per pixel", "nats per grey image"),
        *("Fréchet distance", "kernel distance", "precision", "recall"),
        *("weights", "CPU min", "images per second"),
    ),
    "text": ("bits per character", "CPU min", "characters per second"),
    "text in full": (
        *("nats per character in windows", "nats per character", "bits per character"),
        *("weights", "CPU min", "characters per second"),
    ),
}
DIGITS = {  # how a column is written; all others as whole numbers
    "nats per image": ".1f",
    "bits per pixel": ".3f",
    "nats per grey image": ".1f",
    "Fréchet distance": ".1f",
    "precision": ".2f",
    "recall": ".2f",
    "CPU min": ".1f",
    "nats per character in windows": ".3f",
    "nats per character": ".3f",
    "bits per character": ".2f",
}
BEST = {  # the columns in which the best model is bold; precision alone would praise blur
    "nats per image": min,
    "Fréchet distance": min,
    "recall": max,
    "bits per character": min,
}
CHINESE = {
    FLOOR: "真实的训练图像（下限）",
    "independent pixels (00)": "相互独立的像素（00）",
    "autoencoder + Gaussian (01)": "自编码器 + 高斯（01）",
    "VAE (02)": "VAE（02）",
    "VAE on binarized images (02)": "二值图像的 VAE（02）",
    "conditional VAE (03)": "条件 VAE（03）",
    "VQ-VAE + PixelCNN (03)": "VQ-VAE + PixelCNN（03）",
    "GAN (04)": "GAN（04）",
    "relativistic GAN (05)": "相对 GAN（05）",
    "relativistic GAN, truncated (05)": "相对 GAN，截断噪声（05）",
    "6-grams (06)": "6-gram（06）",
    "LSTM (06)": "LSTM（06）",
    "LSTM of 2,048 tokens (07)": "2,048 个词元的 LSTM（07）",
    "GPT (08)": "GPT（08）",
    "model (lesson)": "模型（课）",
    "nats per image": "每张图像的 nat",
    "Fréchet distance": "Fréchet 距离",
    "precision": "精确率",
    "recall": "召回率",
    "CPU min": "训练的 CPU 分钟",
    "bits per character": "每字符比特",
    "characters per second": "每秒字符",
}
PAGES = {"README.md": {}, "README.zh-CN.md": CHINESE, "docs/scoreboard.md": {}}  # and their words


def read_rows(results: dict) -> Rows:
    """The scoreboard's part of RESULTS.json; where it was never measured, KeyError."""
    rows: Rows = {}
    for what, runs in results["scoreboard"]["values"].items():
        name, _, column = what.rpartition(", ")
        rows.setdefault(name, {})[column] = fmean(runs)
    return rows


def winner(rows: Rows, column: str) -> str | None:
    """The best model of a column, by name; None where being best means nothing."""
    models = [name for name, row in rows.items() if column in row and name != FLOOR]
    return BEST[column](models, key=lambda name: rows[name][column]) if column in BEST else None


def table(rows: Rows, columns: tuple[str, ...], words: dict[str, str]) -> str:
    """A Markdown table of the rows that have one of the columns; a dash for what they lack.

    `words` translates names and headings, empty for English.
    """
    lines = [("model (lesson)", *columns), ("---", *["---:"] * len(columns))]
    winners = {column: winner(rows, column) for column in columns}
    own = set(columns) - {"weights", "CPU min"}  # those two: images and text alike
    for name, row in rows.items():
        if own & row.keys():
            cells = [format(row[c], DIGITS.get(c, ",.0f")) if c in row else "–" for c in columns]
            pairs = zip(cells, columns, strict=True)
            cells = [f"**{cell}**" if winners[c] == name else cell for cell, c in pairs]
            lines.append((name, *cells))
    return "\n".join(f"| {' | '.join(words.get(x, x) for x in line)} |" for line in lines)


def stamped(page: str, rows: Rows, words: dict[str, str]) -> str:
    """The text of a page with its tables written anew; a page without one raises ValueError."""
    if not MARKED.search(page):
        raise ValueError("the page has no <!-- scoreboard: NAME --> ... <!-- scoreboard end -->")
    return MARKED.sub(lambda m: f"{m[1]}\n{table(rows, TABLES[m[2]], words)}\n\n{m[3]}", page)


def main() -> None:
    """Write all tables anew."""
    rows = read_rows(json.loads(RESULTS.read_text(encoding="utf-8")))
    for page, words in PAGES.items():
        path = ROOT / page
        path.write_text(stamped(path.read_text(encoding="utf-8"), rows, words), encoding="utf-8")


if __name__ == "__main__":
    main()
