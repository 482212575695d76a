"""What the forkserver imports before it forks workers: importing this makes them ready.

A worker may open no file. What its codecs, or Python, would load when they are first used is
loaded here, once for all of them.
"""

from pixelpipe.engine import isolation, worker

# A signal to the whole group of processes is for the server alone.
isolation.ignore_terminal()
worker.warm_up()
