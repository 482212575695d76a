"""Animations taken apart and checked, in a worker, before a codec sees them."""
