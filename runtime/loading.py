"""How a program loads: the garbage collector has nothing to find while modules are read, and looks all the same.

What is loaded stays for as long as the program runs. Looked through again and again it is a fifth of the API's start,
and later a pause for whoever asks just then.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """No collection meanwhile; what was made in the block is never looked through again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
