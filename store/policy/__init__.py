"""Who may see and do what: one table, read as single decisions and as SQL."""

from store.policy.clauses import (
    arranged_by,
    held_everywhere,
    inside,
    is_party,
    notice_visible,
    only_if,
    party_everywhere,
    seen_of_ones_own,
    visible,
    votes_on,
    wholly,
)
from store.policy.deciding import Decision, Object, decide
from store.policy.subject import COORDINATOR, STATEMENTS, STEWARD, Scope, Subject, SubjectKind, unknown
from store.policy.table import Action, Class, Condition, Kind

__all__ = [
    "COORDINATOR",
    "STATEMENTS",
    "STEWARD",
    "Action",
    "Class",
    "Condition",
    "Decision",
    "Kind",
    "Object",
    "Scope",
    "Subject",
    "SubjectKind",
    "arranged_by",
    "decide",
    "held_everywhere",
    "inside",
    "is_party",
    "notice_visible",
    "only_if",
    "party_everywhere",
    "seen_of_ones_own",
    "unknown",
    "visible",
    "votes_on",
    "wholly",
]
