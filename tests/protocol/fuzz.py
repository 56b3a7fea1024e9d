"""Damaged, strange and huge protocol texts, and what must hold of the reading of each.

``python -m tests.protocol.fuzz --seconds N`` draws for as long as it is told and shows what broke; a slice of it is
among the tests. Every text follows from its ``Random`` alone, so that a seed names it.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from protocol.compiling.compiler import Compiled, compile_text
from protocol.errors import Finding, SpecError
from protocol.serial import PROTOCOL
from protocol.telling.outline import outline
from protocol.text.reading import MAX_BYTES
from tests.protocol.texts import SMALL, SPECS, TODAY

SLOWEST = 1.0
"""Seconds of this machine's time that reading one text may take, whatever it is."""

LONGEST_SENTENCE = 400
TEXTS = [SMALL, *(each.read_text() for each in sorted(SPECS.glob("*/1.yaml")))]
STRANGE = (
    "\t", "\r\n", "\u2028", "\ufeff", "\x00", "\x85", "é", "\U0001d538", "\u0663", "&a ", "*a", "!!int ", "!x ",
    "? ", "|", ">", "---", "...", "%YAML 1.1\n", "<<: ", "[", "]", "{", "}", ",", ":", "#", "'", '"', "\\", "- ",
    "@", "`", "~", "null", "0", "-1", "99999999999999999999", "1e9", "2 hours", "yes", "its ", "each of ", " or ",
    " and ", ", else ", " if ",
)  # fmt: skip


def damaged(chance: Random) -> str:
    """A good text with some damage."""
    text = chance.choice(TEXTS)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        text = chance.choice(DAMAGES)(chance, text) or chance.choice(TEXTS)
    return text


def _lines(chance: Random, text: str) -> str:
    lines = text.split("\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            del lines[first : first + chance.choice((1, 1, 1, 2, 9))]
        case 1:
            lines.insert(second, lines[first])
        case 2:
            lines[first], lines[second] = lines[second], lines[first]
        case 3:
            lines[first] = " " * chance.randrange(4) + lines[first].lstrip()
        case _:
            lines[first] += chance.choice(STRANGE)
    return "\n".join(lines)


def _words(chance: Random, text: str) -> str:
    """Words are replaced by other words of the text: names that exist, at places where they do not belong."""
    found = list(re.finditer(r"[a-z0-9-]+", text))
    if not found:
        return text
    old, new = chance.choice(found), chance.choice(found).group()
    return text[: old.start()] + new + text[old.end() :]


def _values(chance: Random, text: str) -> str:
    """What one key says is said by another."""
    found = list(re.finditer(r"(?<=: )[^\n:{}\[\]]+(?=[\n,}])", text))
    if not found:
        return text
    old, new = chance.choice(found), chance.choice(found).group()
    return text[: old.start()] + new + text[old.end() :]


def _renamed(chance: Random, text: str) -> str:
    """Two names become one everywhere."""
    names = sorted(set(re.findall(r"[a-z]+-[a-z-]+[a-z]", text)))
    return re.sub(rf"\b{chance.choice(names)}\b", chance.choice(names), text) if names else text


def _strange(chance: Random, text: str) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(STRANGE) * chance.choice((1, 1, 2, 40)) + text[at + chance.randrange(9) :]


def _removed(chance: Random, text: str) -> str:
    at = chance.randrange(len(text))
    return text[:at] + text[at + chance.choice((1, 5, 50, 500)) :]


def _joined(chance: Random, text: str) -> str:
    other = chance.choice(TEXTS)
    return text[: chance.randrange(len(text))] + other[chance.randrange(len(other)) :]


def _endings(chance: Random, text: str) -> str:
    return text.replace("\n", chance.choice(("\r\n", "\r", "\n\n", "\n\t")))


DAMAGES: tuple[Callable[[Random, str], str], ...] = (
    *(_words,) * 4, *(_values,) * 4, *(_lines,) * 4, _renamed, _renamed, _strange, _strange, _removed, _joined,
    _endings,
)  # fmt: skip

HEAD = """\
protocol: huge
timezone: America/Chicago
agencies:
 council: {lead: coordinator}
 police: {lead: sergeant, roles: [patrol]}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2027-01-15}
"""
EVENTS = "events:\n begun: {from: police, then: start a case}\n"


def huge(chance: Random) -> str:
    """A text near the bounds, of one of the kinds that could take long to read."""
    return chance.choice(HUGE)(chance)[:MAX_BYTES]


def _noise(chance: Random) -> str:
    return "".join(chance.choice((*STRANGE, "a", " ", "\n")) for _ in range(60_000))


def _repeated(chance: Random) -> str:
    return chance.choice((*STRANGE, "a: ", "a", "- ", "a b ", "{a: ", "[a, ", "'' ")) * MAX_BYTES


def _scalar(chance: Random) -> str:
    """One phrase as long as a text may be, of words that readers split or look for."""
    text, piece = chance.choice(TEXTS), chance.choice(PIECES)
    found = list(re.finditer(r"(?<=: )[^\n:{}\[\]]+(?=[\n,}])", text))
    old = chance.choice(found)
    long = (piece * MAX_BYTES)[: chance.choice((900, 900, 900, MAX_BYTES - len(text) - 300))]
    return text[: old.start()] + '"' + chance.choice(("", old.group())) + long + '"' + text[old.end() :]


PIECES = (
    " or a", " and a", ", a", "a-", "a", "1", "1 hour after ", " if a", ", or b if sooner", " of ",
    " in the last 1 day", ", from zero after ", "within ", "mon-fri 08:30-17:00, ", "2026-01-01, ", "a (role), ",
    "tell a and ", " before ", "each of ", "<link>", "<", " ", "patrol and ", "patrol, ", "not ", "is ", "yes if ",
    "-", "1 a",
)  # fmt: skip


def _many_scalars(chance: Random) -> str:
    """Many phrases of middling length."""
    piece, size = chance.choice(PIECES), chance.choice((100, 500, 990))
    phrase = (piece * size)[:size]
    key = chance.choice(
        ("when", "due", "tries", "repeats", "clock stops", "only if", "decided by", "not before", "who")
    )
    keys = {"when": "begun", "who": "patrol", "must": "go", "due": "within 1 day", key: f'"{phrase}"'}
    step = "".join(f"  {name}: {said}\n" for name, said in keys.items())
    return HEAD + EVENTS + "steps in l:\n" + "".join(f" s{number}:\n{step}" for number in range(230))


def _chain(chance: Random) -> str:
    """Duties that open one another, in one order or the other, as many as a text may hold."""
    count = 370
    record = "record:\n f0: yes or no\n" + chance.choice(("", "".join(f" f{n}: yes or no\n" for n in range(1, 200))))
    steps, straight = [], chance.random() < 0.5
    for number in range(count):
        before = number - 1 if straight else chance.randrange(max(1, number))
        cause = "begun" if number == 0 else f"s{before} done"
        more = (
            "\n  only if: f0"
            if straight
            else chance.choice(
                ("", "\n  only if: f0", "\n  outcomes: {done: ask f0}", "\n  due: within 1 day of begun")
            )
        )
        due = "" if "due:" in more else "\n  due: within 1 day"
        steps.append(f" s{number}:\n  when: {cause}\n  who: patrol\n  must: go{due}{more}\n")
    if chance.random() < 0.7:
        steps.reverse()
    return HEAD + record + EVENTS.replace("then", "brings: f0, then") + "steps in l:\n" + "".join(steps)


def _unknown(chance: Random) -> str:
    """Names nobody knows, beside a thousand that are much alike."""
    roles = ", ".join(f"role-{number}" for number in range(1_500))
    word = chance.choice(("role-x", "patrol", "zzz", "role-" + "9" * 50))
    steps = "".join(
        f" s{number}: {{when: {chance.choice(('begun', 'x'))}, who: {word}{number}, must: go, due: within 1 day}}\n"
        for number in range(300)
    )
    return HEAD.replace("[patrol]", f"[patrol, {roles}]") + EVENTS + "steps in l:\n" + steps


def _agencies(chance: Random) -> str:
    """As many agencies as a text may hold, each with hours and holidays of its own."""
    codes = chance.choice((("US-MN",), ("DE-BY", "GB"), [f"US-{a}{b}" for a in "AMNW" for b in "ACDEHIJKMNOSTVY"]))
    rows = "".join(
        f" a{n}: {{lead: r{n}, open: mon-fri 08:30-17:00, holidays: {codes[n % len(codes)]}}}\n" for n in range(450)
    )
    return HEAD.replace("agreements:", rows + "agreements:") + EVENTS + "steps in l:\n" + "".join(
        f" s{n}: {{when: begun, who: r{n}, must: go, due: within 1 day}}\n" for n in range(60)
    )  # fmt: skip


def _derived(chance: Random) -> str:
    """Fields that follow from fields that follow from fields."""
    count = chance.choice((30, 900, 2_000))
    kind = chance.choice(("yes if f{}", "yes if f{0} and f{0}", "count of f{} reaches 1", "yes if not f{}"))
    last = chance.choice(("yes or no", f"yes if f{count - 1}", "count of begun"))
    record = "".join(f" f{n}: {kind.format(n - 1)}\n" for n in range(1, count))
    asked = chance.choice((1, count - 1))
    step = f" s: {{when: begun, who: patrol, must: go, due: within 1 day, only if: f{asked}}}\n"
    return HEAD + f"record:\n f0: {last}\n" + record + EVENTS + "steps in l:\n" + step


def _links(chance: Random) -> str:
    """Linked cases that wait for linked cases."""
    count = chance.choice((2, 700))
    return HEAD + EVENTS + "steps in l:\n" + "".join(
        f" l{n}: {{when: l{(n + 1) % count} {chance.choice(('opens', 'ends'))}, runs: other, as: begun}}\n"
        for n in range(count)
    ) + " s: {when: l0 opens, who: patrol, must: go, due: within 1 day}\n"  # fmt: skip


def _faults(chance: Random) -> str:
    """As many faults as entries."""
    return chance.choice((
        HEAD + "".join(f"k{n}: x\n" for n in range(2_400)),
        HEAD + EVENTS + "steps in l:\n" + "".join(f" s{n}: {{x: y, z: w, deu: x}}\n" for n in range(600)),
        HEAD + "record:\n" + "".join(f" F{n}: nothing\n" for n in range(2_300)) + EVENTS,
        HEAD + EVENTS + "steps in l:\n" + "".join(f" s{n}: [a, b, c]\n" for n in range(1_000)),
    ))  # fmt: skip


def _nested(chance: Random) -> str:
    depth = chance.choice((8, 31, 33, 5_000))
    opened, closed = chance.choice((("[", "]"), ("{a: ", "}"), ("- ", ""), ("{? ", "}"), ("[{a: [", "]}]")))
    return SMALL + chance.choice(("x: ", "steps in x: ", "record: ")) + opened * depth + "a" + closed * depth


HUGE: tuple[Callable[[Random], str], ...] = (
    _noise, _repeated, *(_scalar,) * 4, *(_many_scalars,) * 4, _chain, _unknown, _agencies, _derived, _links, _faults,
    _nested,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the reading of one text went: what is wrong with it, how long it took, whether the text was accepted."""

    faults: tuple[str, ...]
    seconds: float
    accepted: bool
    codes: tuple[str, ...] = ()


def tried(data: str | bytes, *, explored: bool = False) -> Verdict:
    """Compile a text; nothing but a refusal with located findings may come of it, and in time unless it is explored."""
    begun = time.process_time()
    faults: list[str] = []
    found: tuple[Finding, ...] = ()
    accepted = False
    try:
        made = compile_text(data, today=TODAY, explored=explored)
        found, accepted = made.findings, True
        begun += _read_back(made)
    except SpecError as error:
        found = error.findings
    except Exception as error:  # noqa: BLE001
        frames = traceback.extract_tb(error.__traceback__)
        place = next(each for each in reversed(frames) if "protocol" in each.filename)
        faults.append(f"{type(error).__name__} at {place.name}:{place.lineno}: {str(error)[:200]}")
    seconds = time.process_time() - begun
    if seconds > SLOWEST and not explored:
        faults.append(f"slow: {seconds:.1f} s, {sorted({each.code for each in found})}")
    lines = _shown(data)
    return Verdict(
        (*faults, *(fault for each in found for fault in unsound(each, lines))),
        seconds, accepted, tuple(each.code for each in found),
    )  # fmt: skip


def _read_back(made: Compiled) -> float:
    """What is accepted can be stored, read again and told; how long that took."""
    begun = time.process_time()
    again = PROTOCOL.validate_json(made.data)
    if again != made.protocol:
        raise AssertionError(made.protocol.id)
    outline(again)
    return time.process_time() - begun


def _shown(data: str | bytes) -> list[str]:
    """The lines of a text as YAML counts them."""
    text = data if isinstance(data, str) else data.decode(errors="replace")
    return re.split("\r\n|[\n\r\x85\u2028\u2029]", text)


def unsound(finding: Finding, lines: list[str]) -> list[str]:
    """What is wrong with a finding itself: its code, its place, its sentence."""
    place, faults = finding.place, []
    if re.fullmatch(r"[A-Z][A-Z_]+", finding.code) is None:
        faults.append(f"code {finding.code!r}")
    if not 1 <= place.line <= len(lines) + 1:
        faults.append(f"{finding.code}: line {place.line} of {len(lines)}")
    elif not 1 <= place.column <= len([*lines, ""][place.line - 1].encode()) + 2:
        faults.append(f"{finding.code}: column {place.column} of {len(lines[place.line - 1])}")
    longest = max(len(finding.says), len(finding.write))
    if not finding.says.endswith((".", "?")) or longest > LONGEST_SENTENCE:
        faults.append(f"{finding.code} says {finding.says[:80]!r} of {longest}")
    return faults


def main() -> int:
    """Draw for a while; show every kind of fault once, with the seed that makes it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--huge", type=float, default=0.03, help="the part of the texts that are near the bounds")
    options.add_argument("--explore", action="store_true", help="explore what is accepted too, however long it takes")
    given = options.parse_args()
    end, seed, accepted = time.monotonic() + given.seconds, given.seed, 0
    kinds: set[str] = set()
    codes: Counter[str] = Counter()
    slowest: list[tuple[float, int]] = []
    while time.monotonic() < end:
        chance = Random(seed)
        big = chance.random() < given.huge
        verdict = tried(huge(chance) if big else damaged(chance), explored=given.explore and not big)
        accepted += verdict.accepted
        codes.update(set(verdict.codes))
        slowest = sorted([*slowest, (round(verdict.seconds, 3), seed)], reverse=True)[:5]
        for fault in verdict.faults:
            kind = re.sub(r"\d+", "n", fault.split("says")[0].split(": ")[0])
            if kind not in kinds:
                kinds.add(kind)
                print(f"seed {seed}{' (huge)' if big else ''}: {fault}", flush=True)  # noqa: T201
        seed += 1
    print(f"{seed - given.seed} texts, {accepted} accepted, {len(kinds)} kinds of fault; slowest {slowest}")  # noqa: T201
    print(", ".join(f"{code} {count}" for code, count in codes.most_common()))  # noqa: T201
    return bool(kinds)


if __name__ == "__main__":
    sys.exit(main())
