"""The codecs: one module for each format whose pixels need more than one call."""
