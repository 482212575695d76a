"""Colours: what a source says of its own, and the way from there to sRGB."""
