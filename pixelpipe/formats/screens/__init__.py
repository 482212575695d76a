"""The screens: one module for each format, pure Python over the whole file."""
