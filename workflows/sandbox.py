"""The sandbox in which workflow code runs: the same for the worker, the replay tests and the bench.

The case module itself is reloaded for every case and protected: a clock, chance or a file there is an error. The
pure core and the message models are shared instead, for reloading them costs 50 ms and 2 MB a case; import
contracts keep clocks and chance out of them.
"""

from __future__ import annotations

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

SHARED = ("protocol", "activities", "workflows.messages")


def sandbox(*more: str) -> SandboxedWorkflowRunner:
    """A runner that refuses to share a module nobody listed, instead of silently reloading it.

    Args:
        more: modules to share besides the project's own; for the bench.
    """
    policy = (
        SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
        | SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
    )
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*SHARED, *more)
    return SandboxedWorkflowRunner(restrictions=restrictions.with_import_notification_policy(policy))
