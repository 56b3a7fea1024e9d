"""The desks: pages that fully work without a script, and that know of Handoff what the API answers, and nothing else.

A page asks the API inside the process, as whoever looks at it (``asking``): what the API would not show, write down or
allow is not shown, unrecorded or done by a page either.
"""
