"""The effects of the outside world as protocols, each with one thin real adapter.

Code that needs the time, the disk, chance, worker threads or the network receives it as an
argument typed with one of these protocols; a simulated world passes its own.
"""
