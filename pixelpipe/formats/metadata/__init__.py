"""What a file says about itself beside its pixels: pure Python over the whole file.

The screen leaves all of it out of what a codec sees. Nothing here refuses a file: what is broken,
or larger than anybody writes, counts as not there.
"""
