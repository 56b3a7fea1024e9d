"""The one table of papers: releases, what was disclosed, glass that was broken, and words to an agency about them."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table

from store.tables import HASH, OPAQUE, SLUG, metadata

__all__ = ["metadata", "paper"]

paper = Table(
    "paper",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("agency", SLUG, nullable=False),
    Column("by_kind", HASH, nullable=False),
    Column("by_case", HASH),
    Column("by_to", HASH),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "by_kind"),
    Index(None, "by_case"),
    Index(None, "by_to"),
)
"""That she signed anything is hers to know: what a paper is, of which case and for whom, are keyed hashes."""
