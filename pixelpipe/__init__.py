"""PixelPipe: one upload, one decode, every variant, live."""

__version__ = "0.1.0"
