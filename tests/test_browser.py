"""The demos as a learner has them: JupyterLab in Chromium, sliders moved by keyboard.

A lesson runs with its quick parameters, up to the last demo. Needs a Chromium; NO_BROWSER in
lab.py says how to get one.
"""

import statistics
import time
from pathlib import Path

import psutil
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
WARM = 10  # moves before, which fill caches of fonts and of the renderer
FIGURES = "__import__('matplotlib.pyplot').pyplot.get_fignums()"
FAST = 0.1  # seconds of CPU for a move: a person takes that for "at once"
BUSY = 3.0  # times the CPU that it takes on a quiet machine, at most
LEAK = 12e6  # bytes in 50 moves; a figure that is kept takes 0.3 MB, 15 MB in 50 moves
PATIENCE = 240  # seconds: what is slow on a busy machine is no error


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        path = find_browser(playwright)
        if path is None:
            pytest.skip(NO_BROWSER)
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    with start_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def page(lab: Lab, browser: Browser):
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(1000 * PATIENCE)
    expect.set_options(timeout=1000 * PATIENCE)
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
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()


def run_all(page: Page, demos: int) -> Locator:
    """Run all cells by the menu; the boxes of the demos once they are there."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    error = "[data-mime-type='application/vnd.jupyter.error']"
    page.wait_for_function(
        "([demo, n, error]) => document.querySelectorAll(demo).length === n"
        " || document.querySelector(error)",
        arg=[DEMO, demos, error],
    )
    assert page.locator(error).all_inner_texts() == []
    return page.locator(DEMO)


def content(box: Locator) -> str:
    """The picture in the page, as base64."""
    return box.locator("img").get_attribute("src")


def move(box: Locator, slider: Locator, key: str) -> float:
    """Press a key on a slider and wait for another picture; seconds from key to picture."""
    before, start = content(box), time.perf_counter()
    slider.press(key)
    box.page.wait_for_function(
        "([box, before]) => { const img = box.querySelector('img');"
        " return img.src !== before && img.naturalWidth; }",
        arg=[box.element_handle(), before],
    )
    return time.perf_counter() - start


def ends(slider: Locator) -> tuple[str, str]:
    """The keys of a slider's two ends, the one where it does not stand first."""
    now, lowest, highest = (
        float(slider.get_attribute(f"aria-value{name}")) for name in ("now", "min", "max")
    )
    assert lowest < highest, "a slider with one place only: no key can move it"
    return ("End", "Home") if now == lowest else ("Home", "End")


def measure(kernel: psutil.Process) -> tuple[float, int]:
    """Seconds of CPU that a kernel has used, bytes of memory that it holds."""
    used = kernel.cpu_times()
    return used.user + used.system, kernel.memory_info().rss


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_demo_is_read_without_a_kernel(lesson):
    cells = code_cells(notebook.read(lesson))
    for place, cell in enumerate(cells):
        if is_demo(cell):
            words = "".join(output.get("text", "") for output in cell.outputs)
            assert words.count("Sliders: ") == cell.source.count("explore(")
            above = [output for near in cells[place - 1 : place + 1] for output in near.outputs]
            assert any("image/png" in output.get("data", {}) for output in above)


CUT_OFF = """box => {
  const page = box.closest('.jp-OutputArea').getBoundingClientRect();
  const parts = [...box.children].map(part => part.querySelector('img') ?? part);
  const places = parts.map(part => part.getBoundingClientRect());
  const names = [...box.querySelectorAll('label')].filter(name => name.offsetParent);
  return places.filter((place, i) =>
    place.right > page.right || place.bottom > (places[i + 1]?.top ?? page.bottom),
  ).concat(names.filter(name => name.scrollWidth > name.clientWidth).map(name => name.innerText));
}"""


BELOW = """box => [...box.closest('.jp-OutputArea').querySelectorAll('.jp-RenderedImage')]
  .filter(image => box.compareDocumentPosition(image) & Node.DOCUMENT_POSITION_FOLLOWING).length"""


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_every_slider_of_every_demo_moves_its_picture(lesson, lab, page):
    demos = quick_copy(lesson, lab.folder / "notebooks")
    open_notebook(page, lab, lesson.name)
    boxes = run_all(page, demos).all()
    for box in boxes:
        box.scroll_into_view_if_needed()
        expect(box.get_by_role("img")).to_be_visible()
        assert box.evaluate(CUT_OFF) == []
        assert box.evaluate(BELOW) == 0, "a static picture stands below the sliders"
        controls = zip(
            box.get_by_role("slider").all(), box.locator(".widget-readout").all(), strict=True
        )
        for slider, number in controls:
            first, start = content(box), number.inner_text()
            for end in ends(slider):
                move(box, slider, end)
            number.fill(start)
            number.press("Enter")
            expect(box.get_by_role("img")).to_have_attribute("src", first)

    box, slider = boxes[-1], boxes[-1].get_by_role("slider").last
    keys = ends(slider) * (MOVES // 2)
    for key in keys[:WARM]:
        move(box, slider, key)
    kernel, figures = lab.kernel(), lab.ask_kernel(FIGURES)
    before = measure(kernel)
    seen = statistics.median([move(box, slider, key) for key in keys])
    seconds, grown = (now - then for now, then in zip(measure(kernel), before, strict=True))
    each = seconds / MOVES
    print(f"CPU {1000 * each:.0f} ms, seen after {1000 * seen:.0f} ms, {grown / 1e6:.1f} MB more")
    assert lab.ask_kernel(FIGURES) == figures
    assert grown < LEAK
    assert each < BUSY * FAST


DEMO_WITH_AN_ERROR = """from course_utils.widgets import explore

def draw(ax, place, power):
    "A curve of a power."
    if power == 5:
        raise ValueError("power <5> is too much")
    ax.plot([0, place], [0, place**power])
    ax.set_ylim(-1, 1)

explore(draw, place=(-1.0, 1.0, 0.5), power=(0, 5, 4))"""


@pytest.fixture
def small_demo(lab, page):
    """The box of a small demo, its cell having run."""
    make_notebook(lab.folder / "notebooks" / "small.ipynb", DEMO_WITH_AN_ERROR)
    open_notebook(page, lab, "small.ipynb")
    return run_all(page, demos=1)


def test_an_error_in_draw_is_read_on_the_page_and_the_next_move_draws_again(small_demo):
    power = small_demo.get_by_role("slider").last
    power.press("ArrowRight")
    expect(small_demo).to_contain_text("ValueError: power <5> is too much")
    power.press("ArrowLeft")
    expect(small_demo).to_contain_text("drawn in")


def test_a_screen_reader_is_told_what_the_picture_shows(small_demo):
    shown = small_demo.get_by_role("img")
    expect(shown).to_have_accessible_name("A curve of a power: place = 0.5, power = 4")
    move(small_demo, small_demo.get_by_role("slider").last, "ArrowLeft")
    expect(shown).to_have_accessible_name("A curve of a power: place = 0.5, power = 3")


CONTRASTS = """box => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const channels = color => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = color => [...channels(color)].slice(0, 3)
    .map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const background = node =>
    channels(getComputedStyle(node).backgroundColor)[3] === 255 || !node.parentElement
      ? getComputedStyle(node).backgroundColor : background(node.parentElement);
  const contrast = (one, other) => {
    const [dark, light] = [one, other].map(luminance).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const hasText = node => [...node.childNodes].some(c => c.nodeType === 3 && c.data.trim());
  const words = [...box.querySelectorAll('*')].filter(hasText);
  const knobs = [...box.querySelectorAll('.noUi-handle')];
  return [
    words.map(node => contrast(getComputedStyle(node).color, background(node))),
    knobs.map(node => contrast(getComputedStyle(node).backgroundColor, background(box))),
  ];
}"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_words_and_knobs_of_a_demo_stand_out_from_the_page(theme, lab, page, request):
    lab.settle("apputils-extension:themes", theme=theme)
    box = request.getfixturevalue("small_demo")
    box.get_by_role("slider").last.press("ArrowRight")
    expect(box).to_contain_text("ValueError")
    words, knobs = box.evaluate(CONTRASTS)
    assert len(words) == 5 and len(knobs) == 2  # two names, two numbers, the message
    assert min(words) >= 4.5 and min(knobs) >= 3  # WCAG 2.1, AA
