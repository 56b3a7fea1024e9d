"""``python -m runtime.temporal_download FOLDER``: the SDK puts the Temporal CLI into a folder, and it is tried once.

The SDK chooses the CLI's version and the address. The last line it prints says which server it has, or why there is
none; the exit code is 1 then.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.testing import WorkflowEnvironment

STARTED_WITHIN = timedelta(seconds=60)


async def download(folder: str) -> str:
    """Download the CLI and start it once, without a database; gives its server's version.

    Raises:
        RuntimeError: the SDK's, when it cannot be downloaded or started.
    """
    tried = await WorkflowEnvironment.start_local(download_dest_dir=folder, dev_server_startup_timeout=STARTED_WITHIN)
    async with tried:
        found = await tried.client.workflow_service.get_system_info(GetSystemInfoRequest())
        return found.server_version


def main() -> int:
    """Download into the folder that the command line names."""
    try:
        version = asyncio.run(download(sys.argv[1]))
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"the CLI that the SDK downloaded has server {version}.\n")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # The SDK's own threads may still crash an interpreter that takes itself apart, and hide the last line.
    os._exit(code)
