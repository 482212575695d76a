"""The ports of `pixelpipe.jobs` on one machine."""
