"""The report in a real browser: nothing wider than the screen, wide and narrow, light and dark.

Chromium is not installed by the tests: `apt-get install chromium`. The pictures are for a person to
look at: pytest --basetemp=DIR tests/contract/test_report_screenshots.py, then DIR/**/*.png.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobs.report import main
from tests.support.synthetic_cohort import write_synthetic_cohort

CHROMIUM = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), ""
)
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no chromium on PATH (apt-get install chromium): no screenshots"
)

WIDTHS = (390, 768, 1400)

FRAME = """<!DOCTYPE html><body style="margin:0">{frames}<pre id="told"></pre><script>
onload = () => {{ told.textContent = JSON.stringify([...document.querySelectorAll("iframe")].map(
  frame => [frame.clientWidth, frame.contentDocument.documentElement.scrollWidth])) }}
</script></body>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shots")
    write_synthetic_cohort(
        str(folder / "t"), 200, ("liver", "aorta", "hip_left", "autochthon_left")
    )
    out = folder / "report.html"
    done = CliRunner().invoke(main, ["--tables", str(folder / "t"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


def _framed(page: Path, widths: tuple[int, ...], height: int = 800) -> str:
    """The page in frames of these widths: a window of Chromium has at least 500 pixels."""
    text = html.escape(page.read_text(encoding="utf-8"))
    style = f"border:0;display:block;height:{height}px"
    frames = [f'<iframe style="{style};width:{w}px" srcdoc="{text}"></iframe>' for w in widths]
    file = page.with_name(f"frames-{'-'.join(map(str, widths))}.html")
    file.write_text(FRAME.format(frames="".join(frames)), encoding="utf-8")
    return file.as_uri()


def _chromium(profile: Path, *options: str) -> str:
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={profile}", "--hide-scrollbars", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def test_no_page_is_wider_than_its_screen(page: Path, tmp_path: Path) -> None:
    dom = _chromium(tmp_path, "--dump-dom", "--window-size=1400,900", _framed(page, WIDTHS))
    told = re.search(r'<pre id="told">(.*?)</pre>', dom)
    assert told is not None
    assert json.loads(told[1]) == [[width, width] for width in WIDTHS]


@pytest.mark.parametrize(("scheme", "preferred"), [("dark", 0), ("light", 1)])
@pytest.mark.parametrize("width", [390, 1400])
def test_a_picture_is_taken_in_light_and_dark(
    page: Path, tmp_path: Path, width: int, scheme: str, preferred: int
) -> None:
    matplotlib_image = pytest.importorskip("matplotlib.image")
    picture = page.with_name(f"report-{width}-{scheme}.png")
    _chromium(
        tmp_path,
        f"--blink-settings=preferredColorScheme={preferred}",
        f"--screenshot={picture}",
        f"--window-size={max(width, 500)},2400",
        _framed(page, (width,), 2400),
    )
    shown = matplotlib_image.imread(picture)[:, : width - 1, :3]
    background = float(shown[-1, 1].mean())
    assert (background > 0.9) == (scheme == "light")
    assert float(shown.std()) > 0.02  # something is drawn on it
