"""Every fit from spec to file: as near to Lanczos as resizing alone is, and in its place."""

import numpy as np
import pytest

from pixelpipe.config import Settings
from pixelpipe.formats.registry import Format
from pixelpipe.formats.source import SourceInfo
from pixelpipe.imaging.pipeline import make
from pixelpipe.imaging.pixels import Pixels
from pixelpipe.recipes.plan import plan
from pixelpipe.recipes.sizing import Fit
from pixelpipe.recipes.spec import parse_specs
from pixelpipe.recipes.task import Kernel, Task
from tests.fidelity.pictures import photograph, source_of
from tests.fidelity.references import area, exact_lanczos, psnr
from tests.photographs import opened

HEIGHT, WIDTH = 301, 403
LIMITS = Settings.model_construct()
SCALES = (0.05, 0.1, 0.17, 0.25, 0.33, 0.4, 0.5, 0.6, 0.75, 0.9, 1.5, 2, 4)
GRAVITIES = ("center", "northwest", {"x": 0.7, "y": 0.4})
INVISIBLE_DB = 49
LANCZOS3_DB = 55


def planned(scale: float, fit: Fit, gravity: object, kernel: Kernel) -> Task:
    """A box of another shape than the picture's."""
    resize = {
        "width": round(WIDTH * scale),
        "height": round(HEIGHT * scale * 0.8),
        "fit": fit,
        "gravity": gravity,
        "enlarge": True,
        "kernel": kernel,
    }
    specs = parse_specs([{"name": "a", "resize": resize, "format": "png"}], limits=LIMITS)
    return plan(SourceInfo(Format.PNG, WIDTH, HEIGHT, 3, 8, 1), specs, LIMITS).tasks[0]


def made(task: Task) -> Pixels:
    """The picture that comes out, without the canvas around it."""
    file = make(source_of(photograph(HEIGHT, WIDTH)), task)
    picture = np.asarray(opened(bytes(file.content)))[..., ::-1]
    left, top = (task.canvas.left, task.canvas.top) if task.canvas else (0, 0)
    around = np.ones(picture.shape[:2], np.bool_)
    around[top : top + task.height, left : left + task.width] = False
    assert (picture[around] == 255).all()
    return picture[top : top + task.height, left : left + task.width]


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("scale", SCALES)
def test_the_quick_way_is_nearer_to_lanczos_than_area_means(scale: float, fit: Fit) -> None:
    pixels = photograph(HEIGHT, WIDTH)
    for gravity in GRAVITIES if scale < 1 else GRAVITIES[:1]:
        task = planned(scale, fit, gravity, Kernel.FAST)
        asked = task.region, task.width, task.height
        reference = exact_lanczos(pixels, *asked)
        least = min(psnr(area(pixels, *asked), reference), INVISIBLE_DB)
        assert psnr(made(task), reference) >= least


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("scale", SCALES)
def test_the_true_filter_is_that_of_pillow(scale: float, fit: Fit) -> None:
    task = planned(scale, fit, "center", Kernel.LANCZOS3)
    reference = exact_lanczos(photograph(HEIGHT, WIDTH), task.region, task.width, task.height)
    assert psnr(made(task), reference) >= LANCZOS3_DB
