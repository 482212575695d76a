"""What the forkserver imports before it forks workers: importing this makes them ready.

A worker may open no file. What its codecs, or Python, would load when they are first used is
loaded here, once for all of them.
"""

from pixelpipe.engine import worker

worker.warm_up()
