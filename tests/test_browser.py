"""The demos as a learner has them: JupyterLab in Chromium, sliders moved by keyboard.

A lesson runs with its quick parameters, up to the last demo. Needs a Chromium; NO_BROWSER in
lab.py says how to get one.
"""

import re
import statistics
import time
from pathlib import Path

import pytest
from lab import NO_BROWSER, Lab, find_browser, start_lab
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from small_notebooks import make_notebook

from course_utils.commands import notebook
from course_utils.commands.notebook import code_cells, course

pytestmark = pytest.mark.browser
LESSONS = [path for path in notebook.lessons() if "explore(" in path.read_text(encoding="utf-8")]
DEMO = ".jp-OutputArea-output .widget-vbox"
MOVES = 50
FAST = 0.1  # seconds: what a person takes for "at once"
BUSY = 3.0  # times as long on a machine that does other things as well
LEAK = 12e6  # bytes in 50 moves; a figure that is kept takes 0.3 MB, 15 MB in 50 moves
RUN_SECONDS = 240.0


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    if find_browser() is None:
        pytest.skip(NO_BROWSER)
    with start_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def browser(lab):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser())
        yield browser
        browser.close()


@pytest.fixture
def page(lab: Lab, browser: Browser):
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    yield page
    page.close()
    lab.stop_kernels()


def quick_copy(lesson: Path, folder: Path) -> int:
    """Write the lesson with its quick parameters, up to the last demo; returns their number."""
    quick = course(notebook.read(lesson))["quick"]
    copy = parameterize_notebook(
        load_notebook_node(str(lesson)), quick, kernel_name="python3", language="python"
    )
    demos = [i for i, cell in enumerate(copy.cells) if is_demo(cell)]
    copy.cells = copy.cells[: demos[-1] + 1]
    notebook.write(copy, folder / lesson.name)
    return sum(copy.cells[i].source.count("explore(") for i in demos)


def is_demo(cell) -> bool:
    return cell.cell_type == "code" and "explore(" in cell.source


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    page.goto(lab.page(name))
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000)


def run_all(page: Page, demos: int) -> Locator:
    """Run all cells by the menu; the boxes of the demos once they are there."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    error = "[data-mime-type='application/vnd.jupyter.error']"
    page.wait_for_function(
        "([demo, n, error]) => document.querySelectorAll(demo).length === n"
        " || document.querySelector(error)",
        arg=[DEMO, demos, error],
        timeout=1000 * RUN_SECONDS,
    )
    assert page.locator(error).all_inner_texts() == []
    return page.locator(DEMO)


def content(picture: Locator) -> str:
    """The bytes of the picture that is on the page."""
    return picture.evaluate(
        "async img => { await img.decode();"
        " return String.fromCharCode(...new Uint8Array(await (await fetch(img.src)).arrayBuffer()))}"
    )


def move(box: Locator, slider: Locator, key: str) -> float:
    """Press a key on a slider and wait for the next picture; seconds from key to picture."""
    picture = box.locator("img").element_handle()
    before = picture.get_attribute("src")
    start = time.perf_counter()
    slider.press(key)
    box.page.wait_for_function(
        "([img, before]) => img.src !== before && img.complete", arg=[picture, before]
    )
    return time.perf_counter() - start


def ways(slider: Locator) -> tuple[str, str]:
    """The key that moves a slider away from its end, and the key that moves it back."""
    now, highest = (float(slider.get_attribute(f"aria-value{name}")) for name in ("now", "max"))
    return ("ArrowLeft", "ArrowRight") if now == highest else ("ArrowRight", "ArrowLeft")


def drawn_in(box: Locator) -> float:
    """Seconds, as the line below the picture says."""
    return float(re.search(r"drawn in (\d+) ms", box.inner_text())[1]) / 1000


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_every_slider_of_every_demo_moves_its_picture(lesson, lab, page):
    demos = quick_copy(lesson, lab.folder / "notebooks")
    open_notebook(page, lab, lesson.name)
    boxes = run_all(page, demos).all()
    for box in boxes:
        box.scroll_into_view_if_needed()
        picture = box.locator("img")
        expect(picture).to_be_visible()
        assert picture.evaluate("img => img.naturalWidth === img.clientWidth"), "scaled"
        for slider in box.get_by_role("slider").all():
            first, (there, back) = content(picture), ways(slider)
            move(box, slider, there)
            assert content(picture) != first
            move(box, slider, back)
            assert content(picture) == first

    for box in boxes:
        slider = box.get_by_role("slider").last
        keys = ways(slider) * (MOVES // 2)
        for key in keys:  # caches of fonts and of the renderer fill here
            move(box, slider, key)
        figures = lab.ask_kernel("__import__('matplotlib.pyplot').pyplot.get_fignums()")
        memory = lab.kernel_memory()
        reactions, drawings = [], []
        for key in keys:
            reactions.append(move(box, slider, key))
            drawings.append(drawn_in(box))
        assert lab.ask_kernel("__import__('matplotlib.pyplot').pyplot.get_fignums()") == figures
        grown = lab.kernel_memory() - memory
        drawing, reaction = statistics.median(drawings), statistics.median(reactions)
        print(f"drawn in {drawing:.3f} s, seen after {reaction:.3f} s, {grown / 1e6:.1f} MB more")
        assert grown < LEAK
        assert drawing < BUSY * FAST
