"""The rows of one case while facts are folded into them. Pure: no database, clock or random."""

from __future__ import annotations

from collections.abc import Callable

from protocol.facts import Fact, OwnersChanged, Told
from protocol.kernel import Guard, Protocol
from protocol.names import OpaqueId, Ref, RungId, Slug
from store import ids, labels
from store.rows import CaseRow, FieldRow, Label, NoticeRow, SlotRow, TaskRow


class CaseFold:
    """The rows of one case while facts are folded in, and which of them changed.

    ``id_key`` gives the key that ids are made with, of what is an agency's alone a key of that agency; ``erased`` are
    the owners whose parts of the case were erased.
    """

    def __init__(  # noqa: PLR0913 - its rows, by name
        self,
        *,
        protocol: Protocol,
        id_key: Callable[[Slug | None], bytes],
        case: CaseRow,
        tasks: dict[int, TaskRow],
        owners: dict[int, tuple[Slug, ...]],
        notices: list[NoticeRow],
        erased: frozenset[Slug] = frozenset(),
    ) -> None:
        self.protocol = protocol
        self.erased = erased
        self._id_key = id_key
        self.case = case
        self.tasks = tasks
        self.owners = owners
        self.notices = notices
        self.fields: dict[Slug, FieldRow] = {}
        self.slots: list[SlotRow] = []
        self.touched: set[int] = set()
        self.moved: set[int] = set()
        self.told: list[NoticeRow] = []

    def task(self, instance: int) -> TaskRow:
        """The row of an instance that facts have spoken of, marked as changed."""
        self.touched.add(instance)
        return self.tasks[instance]

    def new_task(self, instance: int, step: Slug, round_: int, cause: Ref, *, agency: Slug | None = None) -> TaskRow:
        """The row of an instance, made when a fact first speaks of it; ``agency`` None: that of the step."""
        if instance in self.tasks:
            return self.task(instance)
        known = self.protocol.step[step]
        ordinal = sum(each.step == step and each.round == round_ for each in self.tasks.values())
        owner = labels.step_owner(self.protocol, step)
        # A later round comes by the agency's own doing: outsiders see the first one only.
        outside = known.outside and round_ == 0
        key = self._id_key(None if outside else owner)
        self.tasks[instance] = TaskRow(
            case_id=self.case.case_id,
            instance=instance,
            id=ids.task_id(key, self.case.case_id, step, round_, ordinal),
            step=step,
            lane=known.lane,
            agency=agency or known.agency,
            owner=owner,
            outside=outside,
            status="waiting",
            cause=cause,
            round=round_,
            ordinal=ordinal,
        )
        return self.task(instance)

    def own(self, instance: int, owners: tuple[Slug, ...]) -> None:
        """Set who owns an instance."""
        self.owners[instance] = owners
        self.moved.add(instance)

    def about(self, step: Slug, instance: int | None = None, *, outside: bool = False) -> Label:
        """The label of a fact about a step; ``outside`` only counts where the instance came from outside."""
        found = None if instance is None else self.tasks.get(instance)
        return Label(
            lane=self.protocol.step[step].lane,
            agency=self.protocol.step[step].agency if found is None else found.agency,
            owner=labels.step_owner(self.protocol, step),
            outside=outside and found is not None and found.outside,
            step=step,
            task_id=None if found is None else found.id,
        )

    def tell(self, fact: Fact, body: Told | OwnersChanged, role: Slug, how: str, *, page: int | None = None) -> bool:
        """Add a notice to a role; true when it may be seen outside a confidential agency."""
        task = self.tasks.get(body.instance)
        step = self.protocol.step[body.step]
        owner = labels.step_owner(self.protocol, step.id)
        agency = self.protocol.role[role].agency
        rung = labels.rung_of(self.protocol, step.id, body.rung)
        outside = (
            isinstance(body, Told)
            and task is not None
            and task.outside
            and rung is not None
            and rung.guard is Guard.NOT_TAKEN_UP
            and agency != owner
        )
        about = step.id if task is None else task.id
        ordinal = sum(self._same(each, about, body.rung, role) for each in self.notices)
        row = NoticeRow(
            case_id=self.case.case_id,
            seq=fact.seq,
            role=role,
            id=ids.notice_id(
                self._id_key(None if outside else owner), self.case.case_id, about, body.rung, role, ordinal
            ),
            ordinal=ordinal,
            agency=agency,
            how=how,
            why=labels.reason(rung, missed=task is not None and task.missed_at is not None),
            rung=body.rung,
            step=step.id,
            lane=step.lane,
            instance=body.instance,
            task_id=None if task is None else task.id,
            owner=owner,
            outside=outside,
            at=fact.at,
            recorded=fact.recorded,
            page=page,
            repeat=body.repeat if isinstance(body, Told) else 0,
        )
        self.notices.append(row)
        self.told.append(row)
        if task is not None and row.why in labels.UNTAKEN and (outside or owner is None):
            self.task(body.instance).untaken_at = min(fact.at, fact.at if task.untaken_at is None else task.untaken_at)
        return outside

    @staticmethod
    def _same(row: NoticeRow, about: str, rung: RungId | None, role: Slug) -> bool:
        return (row.task_id or row.step) == about and row.rung == rung and row.role == role


def empty_case(protocol: Protocol, protocol_hash: str, case_id: OpaqueId, code: str) -> CaseRow:
    """The row of a case before its first fact."""
    return CaseRow(
        case_id=case_id,
        code=code,
        slug=protocol.id,
        protocol_hash=protocol_hash,
        status_owner=labels.ending_owner(protocol),
    )
