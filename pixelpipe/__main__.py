"""The program's entry.

multiprocessing imports this module again in every worker, so nothing is imported here until
`main` runs.
"""


def main() -> None:
    """Run the command line."""
    from pixelpipe.cli import app  # noqa: PLC0415 - see the module's docstring

    app()


if __name__ == "__main__":
    main()
