"""Notices: what roles were told (``reading``), and what leaves Handoff so that somebody hears of it (the rest).

``outbox`` writes one errand for each role that is to hear of something, in the transaction that folds the facts;
``errands`` keeps them; ``resolving`` finds who answers now; ``reach`` keeps how each person is reached; ``replies``
reads the answers.
"""

from __future__ import annotations

from store.notices.reading import NoticeTarget, mark_read, notices, target

__all__ = ["NoticeTarget", "mark_read", "notices", "target"]
