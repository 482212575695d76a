"""The rules of the house that can be read off the code."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import pixelpipe

PACKAGE = Path(pixelpipe.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# Each may import those before it, never those after.
LAYERS = [
    {"sites", "rate_notation", "kept_secrets"},
    {"errors", "config", "logs"},
    {"auth"},
    {"formats"},
    {"recipes"},
    {"imaging"},
    {"engine"},
    {"jobs", "outbound"},
    {"storage", "scaleout", "webhooks"},
    {"neighbours"},
    {"footing"},
    {"runtime"},
    {"server", "process", "settings_mistakes", "settings_report"},
    {"cli_ends"},
    {"cli_keys", "cli_config", "node", "supervisor"},
    {"cli"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
LARGEST_FILE = 400
LARGEST_FUNCTION = 60


def _layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _module(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@cache
def _imports(path: Path) -> tuple[str, ...]:
    return tuple(_imported(ast.parse(path.read_text())))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _importers(*modules: str) -> set[str]:
    wanted = tuple(modules)
    return {
        _module(path)
        for path in FILES
        for name in _imports(path)
        if name in wanted or name.startswith(tuple(f"{module}." for module in wanted))
    }


def _uses(*names: str) -> set[str]:
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else None
            name = node.id if isinstance(node, ast.Name) else name
            if name in names:
                found.add(_module(path))
    return found


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_imports_run_one_way(path: Path) -> None:
    layer = _layer(path)
    if layer in {"__init__", "__main__"}:
        return
    for name in _imports(path):
        if name.startswith("pixelpipe."):
            imported = name.split(".")[1]
            if imported != layer and imported in RANK:
                assert RANK[imported] < RANK[layer], f"{layer} imports {name}"


def test_every_part_has_its_place() -> None:
    assert {_layer(path) for path in FILES} - {"__init__", "__main__"} <= RANK.keys()


def test_only_the_worker_imports_imaging() -> None:
    outside = {name for name in _importers("pixelpipe.imaging") if not name.startswith("imaging/")}
    assert outside == {"engine/worker.py"}


def test_only_imaging_and_the_worker_import_opencv() -> None:
    outside = {name for name in _importers("cv2") if not name.startswith("imaging/")}
    assert outside == {"engine/worker.py"}


def test_only_imaging_imports_pillow() -> None:
    assert not {name for name in _importers("PIL") if not name.startswith("imaging/")}


def test_only_the_configuration_touches_the_environment() -> None:
    assert _uses("environ", "getenv", "putenv") == {"config.py"}


def test_only_the_arena_knows_shared_memory() -> None:
    assert _importers("multiprocessing.shared_memory") == {"engine/arena.py"}


def test_imaging_knows_no_process_no_file_and_no_network() -> None:
    processes = ("os", "subprocess", "multiprocessing", "threading", "signal", "mmap")
    outside_world = ("pathlib", "tempfile", "shutil", "socket", "asyncio", "aiohttp")
    banned = processes + outside_world
    assert not {name for name in _importers(*banned) if name.startswith("imaging/")}
    opened = {name for name in _uses("open", "imread", "imwrite") if name.startswith("imaging/")}
    assert not opened


def test_only_the_server_and_its_webhooks_know_http() -> None:
    known = ("server/", "webhooks/", "outbound/")
    outside = {name for name in _importers("aiohttp") if not name.startswith(known)}
    assert outside == set()


def test_the_main_module_imports_nothing_until_it_runs() -> None:
    for name in ("__main__.py", "__init__.py"):
        tree = ast.parse((PACKAGE / name).read_text())
        assert not [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_files_and_functions_stay_small(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= LARGEST_FILE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LARGEST_FUNCTION, node.name
