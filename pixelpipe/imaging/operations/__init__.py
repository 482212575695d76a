"""What may be done to the pixels of a variant, one thing a module."""
