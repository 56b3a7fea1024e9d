"""``python -m bench``: every measurement, from one run."""

from __future__ import annotations

import os
import platform

from bench import audit, core, interpreter, policy, site


def main() -> None:
    """Measure and print."""
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    core.measure()
    audit.measure()
    policy.measure()
    interpreter.measure()
    site.measure()


if __name__ == "__main__":
    main()
