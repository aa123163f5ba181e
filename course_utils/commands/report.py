"""The readable report: a page per executed notebook, and index.html with the table and pictures."""

import base64
import json
import logging
from dataclasses import asdict
from functools import cache
from html import escape
from pathlib import Path

import nbformat

from course_utils.commands.job import Row
from course_utils.commands.notebook import outputs, read, write_atomically
from course_utils.commands.tidy import tidy

STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #0072b2; --bad: #d55e00; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 1px solid var(--line); padding: 1rem 0; display: grid; gap: 0 1.5rem;
  grid-template-columns: 14rem 1fr; }
@media (max-width: 40rem) { article { grid-template-columns: 1fr; } }
img { width: 100%; background: white; border-radius: 4px; }
h2 { margin: 0; font-size: 1.2rem; } p { margin: .3rem 0; }
td, th { padding: .1rem .8rem .1rem 0; text-align: left; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; font-size: .9rem; } svg { vertical-align: middle; }
.passed { color: var(--good); } .failed, .stopped { color: var(--bad); }
"""

# nbconvert's page, with the alt texts that its own template (7.17) leaves out
TEMPLATE = """{%- extends "lab/index.html.j2" -%}
{%- block data_png scoped -%}
{%- set alt = output | get_metadata("alt", "image/png") -%}
{{ super() | replace("<img ", '<img alt="' ~ (alt | escape_html) ~ '" ', 1) if alt else super() }}
{%- endblock data_png -%}
"""


def update(folder: Path, rows: list[Row], copy: Path) -> None:
    """Write the page of the notebook that has just ended, then results.json and index.html."""
    if copy.exists():
        _write_page(copy)
    content = {"notebooks": [asdict(row) for row in rows]}
    write_atomically(folder / "results.json", json.dumps(content, indent=1) + "\n")
    write_atomically(folder / "index.html", _index(folder, rows))


def _write_page(copy: Path) -> None:
    notebook = tidy(read(copy))  # a page without a kernel shows no widgets
    body, _ = _exporter().from_notebook_node(notebook, {"metadata": {"name": copy.stem}})
    write_atomically(copy.with_suffix(".html"), body)
    copy.with_suffix(".png").unlink(missing_ok=True)
    tagged = [cell for cell in notebook.cells if "picture" in cell.metadata.get("tags", [])]
    best = nbformat.from_dict({"cells": tagged[:1] or notebook.cells})
    if pictures := outputs(best, "image/png"):
        write_atomically(copy.with_suffix(".png"), base64.b64decode(pictures[-1 if tagged else 0]))


@cache
def _exporter():
    """nbconvert takes a second to import; of the scripts on its pages only formulas keep theirs."""
    from nbconvert import HTMLExporter

    logging.getLogger("traitlets").setLevel(logging.ERROR)  # missing alt text is tested elsewhere
    nothing = "data:text/javascript,"
    return HTMLExporter(
        template_name="lab",
        raw_template=TEMPLATE,
        embed_images=True,
        require_js_url=nothing,
        mermaid_js_url=nothing,
        mermaid_layout_elk_js_url="",
    )


def _index(folder: Path, rows: list[Row]) -> str:
    passed = sum(row.status == "passed" for row in rows)
    minutes = sum(row.minutes for row in rows)
    articles = "\n".join(_article(folder, row) for row in rows)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The course, executed</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>
<body><h1>The course, executed</h1>
<p>{passed} of {len(rows)} notebooks passed, in {minutes:.1f} minutes of work.
A bar is the range that the notebook promises; the dot is what was measured.</p>
{articles}
</body></html>
"""


def _article(folder: Path, row: Row) -> str:
    name = escape(row.name)
    picture = ""
    if (folder / f"{row.name}.png").exists():
        picture = f'<img src="{name}.png" alt="A picture from notebook {name}">'
    knobs = ", ".join(f"{knob} = {value!r}" for knob, value in row.parameters.items())
    problems = "".join(f'<p class="failed">{escape(problem)}</p>' for problem in row.problems)
    has_page = (folder / f"{row.name}.html").exists()
    title = f'<a href="{name}.html">{name}</a>' if has_page else name
    return f"""<article><div>{picture}</div><div>
<h2>{title}: <span class="{row.status}">{row.status}</span></h2>
<p>{row.minutes:.1f} minutes, at most {row.memory_mb:,.0f} MB of memory. {escape(knobs)}</p>
{problems}{_results(row)}</div></article>"""


def _results(row: Row) -> str:
    if not row.results:
        return ""
    lines = "".join(_result(result) for result in row.results)
    head = "<tr><th>result</th><th>measured</th><th>promised</th><th></th></tr>"
    return f"<table>{head}{lines}</table>"


def _result(result: dict) -> str:
    value, unit = f"{result['value']:.4g}", escape(result.get("unit") or "")
    band, bar = "no promise", ""
    if result["ok"] is not None:
        band = f"{result['low']:g} to {result['high']:g}{'' if result['ok'] else ', missed'}"
        bar = _bar(result)
    cells = [escape(result["name"]), f"{value} {unit}", band, bar]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _bar(result: dict) -> str:
    """The promised range in the middle third, the measured value as a dot kept in sight."""
    low, high, value = result["low"], result["high"], result["value"]
    share = (value - low) / (high - low) if high > low else 0.5
    place = 40 + 40 * min(max(share, -0.9), 1.9) if share == share else 116
    color = "var(--good)" if result["ok"] else "var(--bad)"
    return f"""<svg width="120" height="14" aria-hidden="true">
<rect x="40" y="5" width="40" height="4" fill="var(--line)"/>
<circle cx="{place:.1f}" cy="7" r="4" fill="{color}"/></svg>"""
