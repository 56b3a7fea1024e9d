"""The pure core: protocol texts, their compiled kernel, and the one function that changes a case.

No clock, chance, environment, I/O, logging or async in here. Everything else in Handoff is a driver of this package
or a window on what it recorded.
"""
