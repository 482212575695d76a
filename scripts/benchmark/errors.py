"""What ends a measurement."""


class BenchError(Exception):
    """Nothing can be measured; the message says why."""
