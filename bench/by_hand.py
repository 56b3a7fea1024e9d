"""The ten steps of ``bench.interpreter`` as somebody would write them for Temporal by hand.

A list of steps in code, one validated update, one timer for each step, one projection for each transition.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from bench.hand_messages import (
    RECORD,
    STEPS,
    WINDOW,
    HandClosed,
    HandCommand,
    HandReply,
    HandRow,
    HandRows,
    role_of,
)

FOR_EVER = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5), maximum_attempts=0
)


@workflow.defn(name="ten-by-hand")
class TenSteps:
    """One case of ten steps."""

    @workflow.init
    def __init__(self) -> None:
        self._step = -1
        self._open = False
        self._seq = 0
        self._replies: dict[str, HandReply] = {}
        self._rows: list[HandRow] = []

    @workflow.run
    async def run(self) -> HandClosed:
        """Ten steps one after another, each with its window."""
        await workflow.wait_condition(lambda: self._open)
        for step in range(len(STEPS)):
            recorded = self._record()
            try:
                await workflow.wait_condition(lambda step=step: self._step > step, timeout=WINDOW)  # type: ignore[misc]
            except TimeoutError:
                self._note("missed", step)
                self._note("told", step, role="sergeant")
                await self._record()
                await workflow.wait_condition(lambda step=step: self._step > step)  # type: ignore[misc]
            await recorded
        await self._record()
        return HandClosed(seq=self._seq, replies=self._replies)

    @workflow.update(name="act")
    def act(self, message: HandCommand) -> HandReply:
        """Open the case, or end the step that is open and open the next."""
        known = self._replies.get(message.command)
        if known is not None:
            return known
        if message.step < 0:
            self._open = True
            self._note("opened", -1, role=message.role, person=message.person)
        else:
            self._note("ended", message.step, role=message.role, person=message.person)
        self._step = message.step + 1
        if self._step < len(STEPS):
            self._note("delivered", self._step, role=role_of(self._step), due=self._now() + WINDOW // _MICROSECOND)
        else:
            self._note("closed", -1)
        reply = self._replies[message.command] = HandReply(seq=self._seq)
        return reply

    @act.validator
    def _judge(self, message: HandCommand) -> None:
        if message.command in self._replies:
            return
        if message.step != self._step:
            raise ApplicationError("This step is not open.", type="NOT_OPEN", non_retryable=True)
        if message.step >= 0 and message.role != role_of(message.step):
            raise ApplicationError("This step is another role's.", type="NOT_YOURS", non_retryable=True)

    def _now(self) -> int:
        return workflow.time_ns() // 1_000

    def _note(self, kind: str, step: int, *, role: str = "", person: str = "", due: int = 0) -> None:
        self._seq += 1
        self._rows.append(
            HandRow(seq=self._seq, at=self._now(), kind=kind, step=step, role=role, person=person, due=due)
        )

    def _record(self) -> workflow.ActivityHandle[None]:
        rows, self._rows = tuple(self._rows), []
        return workflow.start_activity(
            RECORD,
            HandRows(case_id=workflow.info().workflow_id, rows=rows),
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=3),
            retry_policy=FOR_EVER,
        )


_MICROSECOND = timedelta(microseconds=1)
