"""``make audit``: a bill of materials of what Handoff runs on, and the known faults of each part.

The bill is made from the lock file and needs no network. Faults are known to a service that has to be asked: a part it
said nothing about counts as not audited, and then the audit has not passed (pip-audit alone would call it clean).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
BILL = ROOT / "build" / "sbom.cdx.json"
FAULTS = ROOT / "build" / "faults.json"
CLEAN, FAULTY, UNKNOWN = 0, 1, 2
"""Exit codes: every part was asked about and has no known fault; one has; one could not be asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the audit came to, and a line for each part there is something to say of."""

    code: int
    lines: tuple[str, ...]


def judge(report: Mapping[str, Any] | None) -> Verdict:
    """What pip-audit's report (JSON) comes to; None when there is none."""
    if report is None:
        return Verdict(code=UNKNOWN, lines=("pip-audit gave no report: nothing was audited.",))
    parts = report["dependencies"]
    silent = [each["name"] for each in parts if "skip_reason" in each]
    faults = [
        f"{each['name']} {each['version']}: {fault['id']}, {_mended(fault['fix_versions'])}"
        for each in parts
        for fault in each.get("vulns", ())
    ]
    lines = [*faults]
    if silent:
        lines.append(f"Not audited, for the advisory service did not answer for them ({len(silent)} of {len(parts)}):")
        lines.append("  " + ", ".join(silent))
    if faults:
        lines.append("There are known faults: docs/operating.md says within what time each is mended.")
    elif silent or not parts:
        lines.append("No known fault was found, and that says little: run this where the service can be reached.")
    else:
        lines.append(f"All {len(parts)} parts were audited; none has a known fault.")
    return Verdict(code=FAULTY if faults else UNKNOWN if silent or not parts else CLEAN, lines=tuple(lines))


def _mended(versions: Sequence[str]) -> str:
    return f"mended in {', '.join(versions)}" if versions else "mended in no version yet"


def write_bill(path: Path = BILL) -> int:
    """Write the bill of materials (CycloneDX JSON) of the lock file; how many parts it has."""
    path.parent.mkdir(exist_ok=True)
    program = str(Path(sys.executable).with_name("cyclonedx-py"))
    made = ("requirements", str(LOCK), "--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible")
    subprocess.run([program, *made, "--of", "JSON", "-o", str(path)], check=True, capture_output=True)
    return len(json.loads(path.read_text())["components"])


def ask() -> Mapping[str, Any] | None:
    """pip-audit's report on the lock file."""
    FAULTS.unlink(missing_ok=True)
    program = str(Path(sys.executable).with_name("pip-audit"))
    asked = ("-r", str(LOCK), "--require-hashes", "--disable-pip", "--progress-spinner", "off")
    done = subprocess.run(
        [program, *asked, "-f", "json", "-o", str(FAULTS)], check=False, capture_output=True, text=True
    )
    if not FAULTS.exists():
        print(done.stderr.strip()[-2000:], file=sys.stderr)
        return None
    found: Mapping[str, Any] = json.loads(FAULTS.read_text())
    return found


def main() -> int:
    """Write the bill, ask about faults, print what came of it."""
    print(f"{write_bill()} parts in {BILL.relative_to(ROOT)} (CycloneDX).", flush=True)
    verdict = judge(ask())
    print("\n".join(verdict.lines))
    return verdict.code


if __name__ == "__main__":
    sys.exit(main())
