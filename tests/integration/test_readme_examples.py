"""The README's examples, run by a shell against a real server."""

import re
import subprocess
import zipfile
from pathlib import Path

from PIL import Image

from tests.photographs import opened, photo_jpeg
from tests.serving import LiveServer

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_curl_examples_do_what_they_say(live_server: LiveServer, tmp_path: Path) -> None:
    (block,) = re.findall(r"^```sh\n(# A photograph.*?)^```", README, re.MULTILINE | re.DOTALL)
    script = block.replace("localhost:3000", live_server.url.removeprefix("http://"))
    (tmp_path / "photo.jpg").write_bytes(photo_jpeg(1400, 900))
    Image.new("RGBA", (120, 60), (255, 0, 0, 200)).save(tmp_path / "logo.png")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"state":"completed"') >= 2
    assert "event: job.completed" in done.stdout
    with zipfile.ZipFile(tmp_path / "upload.zip") as archive:
        assert archive.namelist() == ["manifest.json", "upload-hero.webp"]
    (tmp_path / "upload.zip").unlink()
    sizes = {path.name: opened(path.read_bytes()).size for path in tmp_path.iterdir()}
    assert sizes == {
        "photo.jpg": (1400, 900),
        "upload-hero.webp": (1200, 630),
        "small.avif": (400, 257),
        "logo.png": (120, 60),
        "marked.jpg": (400, 257),
        "photo-wide.webp": (800, 300),
        "quad.jpg": (1400, 900),
    }
