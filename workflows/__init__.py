"""The durable shell around the pure core: one interpreter workflow, and the typed calls that speak to it.

No rule lives here: what a command or the passing of time does is asked of ``protocol.engine.machine.step``.
"""
