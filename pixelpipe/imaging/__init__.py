"""Pixels: pure functions over arrays, and the only users of OpenCV.

Pixels are uint8 arrays, (height, width) for gray and (height, width, channels) for BGR and BGRA.
Inputs may be read-only pages of shared memory, so nothing is ever changed in place but what a
function made itself.
"""
