"""Interactive demos: sliders above one picture. Without ipywidgets a line is printed instead.

A notebook first draws a static picture in a cell of its own, so the page reads without a kernel.
Only parts that ipywidgets 7.7 and 8 share are used, and no plot window is ever registered.
"""

import base64
import html
import inspect
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

STEPS = 40  # positions of a slider of real numbers
DPI = 96  # pixels per inch
KNOB = "#0072B2"  # stands out on a white page and on a dark one; the default is white


def explore(
    draw: Callable[..., Any],
    size: tuple[float, float] = (3.0, 3.0),
    **sliders: tuple[float, float, float],
) -> None:
    """Show one slider per name and, below, the picture that `draw(ax, **values)` draws.

    A slider is (lowest, highest, start); three whole numbers make a slider of whole numbers.
    `size`: of the picture in inches. The picture follows when a slider is let go; for readers who
    hear the page, its text is the first line of `draw`'s docstring and the values. An error in
    `draw` is written under the picture. What the cell drew before stands above the sliders. Where
    nobody can move a slider (COURSE_STATIC=1, CI, no ipywidgets), one line says so.
    """
    if plt.get_fignums():
        plt.show()  # what the cell has drawn so far, or it would follow the sliders
    ranges = [f"{name} from {low:g} to {high:g}" for name, (low, high, _) in sliders.items()]
    names = ", ".join(ranges)
    if os.environ.get("COURSE_STATIC") == "1" or os.environ.get("CI"):
        print(f"Sliders: {names}. Switched off here; the picture above stands for them.")
    elif find_spec("ipywidgets") is None:
        print(f"Sliders: {names}. They need ipywidgets; the picture above stands for them.")
    else:
        from IPython.display import display

        print(f"Sliders: {names}. They answer while the kernel runs.")
        display(slider_box(draw, size, sliders))


def slider_box(
    draw: Callable[..., Any],
    size: tuple[float, float],
    sliders: dict[str, tuple[float, float, float]],
) -> Any:
    """The widget that `explore` displays: children are the sliders, the picture, a line of text."""
    import ipywidgets

    figure = Figure(  # unknown to pyplot: never to close
        figsize=size, dpi=DPI, facecolor="white", layout="constrained"
    )
    FigureCanvasAgg(figure)
    controls = {name: _slider(name, *numbers) for name, numbers in sliders.items()}
    width, height = (f"{round(DPI * inches)}px" for inches in size)
    picture = ipywidgets.HTML(layout={"width": width, "height": height})  # Image has no alt text
    message = ipywidgets.HTML()
    title = (inspect.getdoc(getattr(draw, "func", draw)) or "Picture").splitlines()[0]

    def redraw(_change: object = None) -> None:
        start = time.perf_counter()
        values = {name: control.value for name, control in controls.items()}
        try:
            figure.clear()  # color bars and all
            ax = figure.add_subplot()
            draw(ax, **values)
            now = ", ".join(f"{name} = {value:g}" for name, value in values.items())
            picture.value = _image(figure, alt=f"{title.removesuffix('.')}: {now}")
        except Exception as error:  # the page is where a learner will see it
            message.value = f"<pre>{html.escape(f'{type(error).__name__}: {error}')}</pre>"
        else:
            message.value = f"drawn in {1000 * (time.perf_counter() - start):.0f} ms"

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([*controls.values(), picture, message])


def _slider(name: str, low: float, high: float, start: float) -> Any:
    import ipywidgets

    whole = all(isinstance(number, int) for number in (low, high, start))
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    step = 1 if whole else (high - low) / STEPS
    options = {"min": low, "max": high, "value": start, "step": step}
    options["style"] = {"handle_color": KNOB, "description_width": "110px"}  # "temperature" fits
    options["layout"] = {"width": "350px"}
    slider = kind(**options, description=name.replace("_", " "), continuous_update=False)
    slider.tooltip = f"from {low:g} to {high:g}"  # ipywidgets 8 would say "null"
    return slider


def _image(figure: Figure, alt: str) -> str:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=DPI)
    source = "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
    # decoded at once, or the old picture would give way to an empty place first
    return f'<img src="{source}" alt="{html.escape(alt)}" decoding="sync" style="display: block">'
