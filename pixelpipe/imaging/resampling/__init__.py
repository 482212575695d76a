"""Pixels of another size, and blurs, which are made in the same way."""
