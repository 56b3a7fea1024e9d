"""A workflow that reads the machine's clock; the sandbox must not let it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from temporalio import workflow
from temporalio.common import RawValue


@workflow.defn(dynamic=True)
class CuriousWorkflow:
    """Asks what time it is of the wrong clock."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> None:  # noqa: ARG002 - every dynamic workflow has it
        """Looks at the clock."""
        datetime.now(UTC)
