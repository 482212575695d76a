import configparser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _declared_packages() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return set(config["options"]["packages"].split())


def test_every_package_and_the_page_are_installed() -> None:
    """No search of setuptools finds a package whose folder lies elsewhere; setup.cfg lists all."""
    folders = [path.parent.relative_to(ROOT) for path in ROOT.glob("pixelpipe/**/__init__.py")]

    assert _declared_packages() == {".".join(folder.parts) for folder in folders} | {
        "pixelpipe.web"
    }
