"""The pure core: protocol texts, their compiled kernel, and the one function that changes a case.

No clock, chance, environment, I/O, logging or async in here. Everything else in Handoff is a driver of this package
or a window on what it recorded.

A text is read (``text``), compiled (``compiling``) to the kernel (``kernel.py``) and checked (``checks``); the engine
(``engine``) takes a case's state (``state.py``) and one input (``messages.py``) to what follows. Scenarios play on it
(``scenarios``, ``mutating``), rehearsals too (``rehearsal``). ``telling`` and ``languages`` say it in words. Newer
texts are compared (``revising``), decided (``council``) and followed (``migrating``).
"""
