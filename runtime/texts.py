"""Protocol texts on disk: read with a plain answer when that cannot be done, and the bundled ones found by name."""

from __future__ import annotations

from pathlib import Path

from protocol.errors import HandoffError

BUNDLED = Path(__file__).parents[1] / "protocol_specs"
"""The texts that come with Handoff: ``<slug>/<version>.yaml``."""

SCENARIOS = ".scenarios.yaml"


def read_bytes(path: Path) -> bytes:
    """What a file holds.

    Raises:
        HandoffError: ``FILE`` when it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise HandoffError("FILE", f"{path} cannot be read: {error.strerror}.") from None


def write(path: Path, text: str) -> None:
    """Put a text into a file, in place of what it held.

    Raises:
        HandoffError: ``FILE`` when it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HandoffError("FILE", f"{path} cannot be written: {error.strerror}.") from None


def versions(folder: Path) -> dict[int, Path]:
    """The versions of one protocol in its folder, by number."""
    return {int(each.stem): each for each in sorted(folder.glob("*.yaml")) if each.stem.isdigit()}


def bundled(folder: Path = BUNDLED) -> dict[str, dict[int, Path]]:
    """Every bundled protocol by slug, with its versions by number."""
    found = {each.name: versions(each) for each in sorted(folder.iterdir()) if each.is_dir()}
    return {slug: each for slug, each in found.items() if each}


def find(name: str, folder: Path = BUNDLED) -> Path:
    """The file of that name, or the newest version of the bundled protocol of that name.

    Raises:
        HandoffError: ``UNKNOWN_PROTOCOL`` when it is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = bundled(folder)
    if name not in known:
        from protocol.text.names import did_you_mean  # noqa: PLC0415 - loads the engine; this is seldom asked

        hint = did_you_mean(name, known)
        raise HandoffError("UNKNOWN_PROTOCOL", f"{name} is no file and no bundled protocol. {hint}".rstrip())
    return known[name][max(known[name])]


def stories_of(path: Path) -> Path:
    """The file of scenarios beside a protocol text.

    Raises:
        HandoffError: ``NO_SCENARIOS`` when there is none.
    """
    stories = path.with_suffix(SCENARIOS)
    if not stories.is_file():
        raise HandoffError("NO_SCENARIOS", f"There are no scenarios beside {path}: write {stories.name}.")
    return stories


def size_of(path: Path) -> int:
    """How many bytes a file has.

    Raises:
        HandoffError: ``FILE`` when there is no such file.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise HandoffError("FILE", f"{path} cannot be read: {error.strerror}.") from None
