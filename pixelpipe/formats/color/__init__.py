"""What a file says about its colours: pure Python over the whole file, nothing is converted here.

The screen leaves all of it out of what a codec sees.
"""
