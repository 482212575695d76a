"""What an attacker who has taken a worker over can do from there, tried from inside real ones."""

import asyncio
import io
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image
from structlog.testing import capture_logs

from pixelpipe.config import MIB, Settings
from pixelpipe.engine.confinement import SandboxMode
from pixelpipe.engine.engine import Engine
from pixelpipe.engine.process import WorkerStartError
from pixelpipe.engine.work import Order
from pixelpipe.formats.probe import probe
from pixelpipe.formats.registry import WRITABLE, Format
from pixelpipe.recipes.plan import plan
from pixelpipe.recipes.spec import Spec
from tests.faults.engine_alone import PATIENCE_S, NotingSink
from tests.faults.faulty_runtime import until
from tests.faults.hijacked_engine import MAINS, hijacked_engine, outcomes, the_worker
from tests.faults.sandbox_workers import ATTEMPTS, DONE, HOSTILE, INNOCENT
from tests.modern_files import ENCODERS

HERE = Path(__file__).parent
WIDTH, HEIGHT = 3000, 2000
LIMITS = Settings.model_construct()
MADE = "made"
NO_SECCOMP = "seccomp: the kernel, or the container around it, does not allow it"

# What refuses: EPERM by seccomp, or the limit of memory, or Python that makes another error of it.
REFUSALS = {
    "EPERM",
    "ENOMEM",
    "can't start new thread",
    "not allowed to raise maximum limit",
}
# What a worker without a sandbox can do on any machine, and what does no harm when it does.
HARMLESS = ("read-file", "list-folder", "look-at-file", "memory-file", "udp", "pipe", "program")
BY_LANDLOCK = ("read-file", "write-file", "list-folder", "parents-memory-file", "listen", "program")


@pytest_asyncio.fixture(scope="module")
async def sandboxed() -> AsyncIterator[Engine]:
    async with hijacked_engine(SandboxMode.REQUIRE, arena_bytes=256 * MIB) as engine:
        yield engine


async def test_each_attempt_is_refused_and_the_worker_goes_on(sandboxed: Engine) -> None:
    before = the_worker(sandboxed).pid
    came = await outcomes(sandboxed, *ATTEMPTS, "small")
    assert {name: why for name, why in came.items() if why not in REFUSALS} == {"small": MADE}
    assert the_worker(sandboxed).pid == before


async def test_what_is_its_own_business_a_worker_may_do(sandboxed: Engine) -> None:
    assert set((await outcomes(sandboxed, *INNOCENT)).values()) == {DONE}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_only_an_attack_does_is_a_strike(sandboxed: Engine, name: str) -> None:
    assert await outcomes(sandboxed, name) == {name: "2 strikes"}


@pytest.mark.parametrize("name", ["abort", "crash", "memory"])
async def test_a_sandboxed_worker_dies_as_any_other(sandboxed: Engine, name: str) -> None:
    assert await outcomes(sandboxed, name) == {name: "2 strikes"}


async def test_a_defect_inside_the_sandbox_is_told_with_its_traceback(sandboxed: Engine) -> None:
    with capture_logs() as logs:
        came = await outcomes(sandboxed, "defect")
    assert came == {"defect": "Processing failed because of a defect in the server."}
    (trace,) = [entry["trace"] for entry in logs if entry["event"] == "a worker met a defect"]
    assert "sandbox_workers.py" in trace
    assert trace.endswith("ZeroDivisionError: a secret of the server\n")


async def test_nothing_is_open_but_the_channel(sandboxed: Engine) -> None:
    worker = the_worker(sandboxed)
    folder = Path(f"/proc/{worker.pid}/fd")

    def is_closed_in() -> bool:
        targets = sorted(str(one.readlink()) for one in folder.iterdir())
        *nulls, channel = targets
        return nulls == ["/dev/null"] * 3 and channel.startswith("socket:")

    # It says hello before it closes what it said it with.
    await until(is_closed_in)
    assert is_closed_in()


async def test_a_worker_has_no_privilege_left_and_no_other_thread(sandboxed: Engine) -> None:
    lines = Path(f"/proc/{the_worker(sandboxed).pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"], status["Threads"]) == ("1", "2", "1")


async def test_memory_is_limited_and_core_dumps_are_off(sandboxed: Engine) -> None:
    text = Path(f"/proc/{the_worker(sandboxed).pid}/limits").read_text()
    rows = {line[:26].strip(): line[26:].split()[:2] for line in text.splitlines()}
    soft, hard = rows["Max address space"]
    assert int(soft) <= int(hard) < 64 * 1024 * MIB
    assert rows["Max core file size"] == ["0", "0"]


async def test_a_small_job_gets_less_memory_than_the_largest_may_have(sandboxed: Engine) -> None:
    await outcomes(sandboxed, "small")
    soft, hard = resource.prlimit(the_worker(sandboxed).pid, resource.RLIMIT_AS)
    assert soft < hard - 1024 * MIB


@cache
def photograph() -> Image.Image:
    """6 MP of light with noise in it, so that no codec has it easy."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(4).integers(0, 50, (HEIGHT, WIDTH, 3))
    light = np.dstack([x * 200 // WIDTH, y * 200 // HEIGHT, (x + y) * 200 // (WIDTH + HEIGHT)])
    return Image.fromarray((noise + light).astype(np.uint8))


def source_of(form: Format) -> bytes:
    if form in ENCODERS:
        return ENCODERS[form](photograph())
    content = io.BytesIO()
    options = {"speed": 10} if form is Format.AVIF else {}
    # Pillow takes seconds to find a palette for noise.
    picture = photograph().convert("L") if form is Format.GIF else photograph()
    picture.save(content, str(form), **options)
    return content.getvalue()


async def order_of(engine: Engine, content: bytes, *specs: dict[str, object]) -> Order:
    source = probe(
        memoryview(content), max_pixels=LIMITS.max_pixels, max_side_px=LIMITS.max_side_px
    )
    planned = plan(source, [Spec.model_validate(spec) for spec in specs], LIMITS)
    async with engine.receive(len(content)) as upload:
        await upload.write(content)
        lease = upload.take_over()
    return Order("job", planned, lease, len(content), None)


@pytest.mark.parametrize("form", Format)
async def test_every_format_is_decoded_in_the_sandbox(sandboxed: Engine, form: Format) -> None:
    sink = NotingSink()
    order = await order_of(
        sandboxed,
        source_of(form),
        {"name": "large", "resize": {"width": 2800}, "format": "jpeg"},
        {"name": "steps", "resize": {"width": 500}, "blur": {"sigma": 9}, "grayscale": True},
        {"name": "quad", "quad": {"band_px": 24, "sigma": 12}, "format": "jpeg"},
    )
    async with asyncio.timeout(PATIENCE_S):
        await sandboxed.run(order, sink)
    assert {"0 made", "1 made", "2 made"} <= set(sink.told), sink.errors
    assert "0 started: 2" not in sink.told


@pytest.mark.parametrize("form", WRITABLE)
@pytest.mark.parametrize("quality", [80, 100])
async def test_every_format_is_encoded_in_the_sandbox(
    sandboxed: Engine, form: Format, quality: int
) -> None:
    sink = NotingSink()
    spec = {"name": "large", "format": str(form), "quality": quality}
    order = await order_of(sandboxed, source_of(Format.JPEG), spec)
    async with asyncio.timeout(PATIENCE_S):
        await sandboxed.run(order, sink)
    assert sink.told == ["decode called", "decoded", "0 started: 1", "0 made"], sink.errors


async def test_without_a_sandbox_a_worker_can_do_harm() -> None:
    async with hijacked_engine(SandboxMode.OFF) as engine:
        assert set((await outcomes(engine, *HARMLESS)).values()) == {DONE}
        assert the_worker(engine).sandbox.facts() == {
            "mode": "off",
            "seccomp": False,
            "landlock": 0,
            "missing": [],
        }


async def test_where_seccomp_is_forbidden_landlock_still_keeps_files_and_network() -> None:
    async with hijacked_engine(SandboxMode.TRY, "main_without_seccomp") as engine:
        report = the_worker(engine).sandbox
        assert not report.seccomp
        assert report.missing == (NO_SECCOMP,)
        if not report.landlock:
            pytest.skip("this kernel has no Landlock")
        assert set((await outcomes(engine, *BY_LANDLOCK)).values()) == {"EACCES"}


async def test_where_landlock_is_missing_seccomp_does_it_alone() -> None:
    async with hijacked_engine(SandboxMode.REQUIRE, "main_without_landlock") as engine:
        report = the_worker(engine).sandbox
        assert (report.seccomp, report.landlock) == (True, 0)
        assert report.missing == ("landlock: the kernel does not allow it (ENOSYS)",)
        assert set((await outcomes(engine, *BY_LANDLOCK)).values()) == {"EPERM"}


async def test_where_there_is_no_sandbox_work_is_done_and_the_reasons_are_told() -> None:
    async with hijacked_engine(SandboxMode.TRY, "main_without_any") as engine:
        report = the_worker(engine).sandbox
        assert (report.seccomp, report.landlock, len(report.missing)) == (False, 0, 2)
        assert await outcomes(engine, "small") == {"small": MADE}


async def test_a_required_sandbox_that_cannot_be_had_keeps_workers_from_starting() -> None:
    with pytest.raises(WorkerStartError, match=f"a sandbox is required.*{NO_SECCOMP}"):
        async with hijacked_engine(SandboxMode.REQUIRE, "main_without_seccomp"):
            pass


def test_a_server_without_its_required_sandbox_says_so_in_one_line_and_ends(
    tmp_path: Path,
) -> None:
    program = (
        f"from {MAINS} import forbid\n"
        "forbid('seccomp', 'prctl:22')\n"
        "from pixelpipe.cli import app\n"
        "app()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "serve", "--port", "0", "--data", str(tmp_path / "data")],
        env=os.environ | {"PIXELPIPE_SANDBOX": "require", "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"pixelpipe: a sandbox is required, which this machine lacks: {NO_SECCOMP}"
    ]
