"""Programs of Node, run by tests."""

import asyncio
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("node")
_LEAST_VERSION = (20, 9)


@cache
def node() -> str:
    """The Node that `scripts/setup --tests` provides for, or a newer one of the system's."""
    own = Path(sys.executable).with_name("node")
    for program in (shutil.which("node"), str(own)):
        if program and os.access(program, os.X_OK) and _version(program) >= _LEAST_VERSION:
            return program
    raise AssertionError("there is no Node of 20.9 or newer; run scripts/setup --tests")


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return tuple(int(part) for part in said.stdout.strip().removeprefix("v").split("."))


async def run_node(*arguments: str, says: str = "", **environment: str) -> tuple[int, str, str]:
    """Run a program in `node/`; gives its status and what it wrote to its two outputs.

    Args:
        arguments: The program's file and what it is given.
        says: Its standard input.
        environment: More of its environment.
    """
    process = await asyncio.create_subprocess_exec(
        *(await asyncio.to_thread(node), *arguments),
        cwd=FOLDER,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            out, complaints = await process.communicate(says.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), complaints.decode()
