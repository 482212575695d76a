"""`pixelpipe serve` with workers that go wrong on demand; see `fault_workers`."""

import sys


def main() -> None:
    """Serve; the arguments are the data folder, the deadline in seconds, and the workers' main.

    What runs gets longer to finish than any test waits.
    """
    import asyncio  # noqa: PLC0415 - workers import this module too
    from pathlib import Path  # noqa: PLC0415

    from pixelpipe.logs import configure_logs  # noqa: PLC0415
    from pixelpipe.server.run import serve  # noqa: PLC0415

    configure_logs("warning")
    from tests.serving import small_settings  # noqa: PLC0415

    patience = {"task_deadline_s": float(sys.argv[2]), "drain_timeout_s": 300.0}
    settings = small_settings(Path(sys.argv[1]), port=0, **patience)
    worker_main = sys.argv[3] if len(sys.argv) > 3 else "main"
    asyncio.run(serve(settings, f"tests.faults.fault_workers:{worker_main}"))


if __name__ == "__main__":
    main()
