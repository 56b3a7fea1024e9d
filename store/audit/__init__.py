"""Who saw what, who decided what, who did what: hash chains that may be added to and never changed.

One chain for each case, one for the site (sign-ins, keys, people), and one for each agency (its lists, and what its
people asked for that is not there). Whoever reads, decides or acts calls ``append`` in a transaction of its own,
committed before anything is shown or done.
"""

from store.audit.chain import append, write_down
from store.audit.entry import SITE, Entry, Kind, asking, by, of_agency

__all__ = ["SITE", "Entry", "Kind", "append", "asking", "by", "of_agency", "write_down"]
