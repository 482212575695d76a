"""One module for each format that is written: pixels in, the bytes of a file out."""
