"""The commands that need no server: what they print, and the code they end with."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.texts import find
from tests.cli.running import Ran, run

P1 = "post-arrest-advocacy"
Run = Callable[..., Ran]


@pytest.fixture
def handoff(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The command, in a folder where nothing is installed."""
    monkeypatch.setenv("HANDOFF_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HANDOFF_PORT", "9")
    monkeypatch.delenv("HANDOFF_TOKEN", raising=False)
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


@pytest.fixture
def slip(tmp_path: Path) -> Path:
    """The bundled text with two slips."""
    text = find(P1).read_text()
    path = tmp_path / "slip.yaml"
    path.write_text(text.replace("tell sergeant", "tell sargeant").replace("within 15 minutes", "15 minutes"))
    return path


def test_a_good_text_can_be_published(handoff: Run) -> None:
    """Nothing is found, and the code is 0."""
    found = handoff("check", str(find(P1)))

    assert (found.code, found.err) == (0, "")
    published, explored = found.out.splitlines()
    assert f"{P1} can be published: 12 steps." == published
    assert " states explored in " in explored


def test_a_finding_is_shown_with_its_line_and_a_caret(handoff: Run, slip: Path) -> None:
    """File, line, column, code, sentence; the line itself; below its place what to write. The code is 1."""
    found = handoff("check", str(slip))

    lines = found.err.splitlines()
    place = next(number for number, line in enumerate(slip.read_text().splitlines(), 1) if "sargeant" in line)
    assert found.code == 1
    assert f"{slip}:{place}:22: error UNKNOWN_ROLE: No such role: sargeant." == lines[0]
    assert lines[1].index("tell sargeant") == lines[2].index("^")
    assert lines[2].endswith("^ Did you mean sergeant?")
    assert f"{slip}: 2 errors." == lines[-1]


def test_findings_for_programs_are_json(handoff: Run, slip: Path) -> None:
    """The same findings, with places as numbers."""
    found = json.loads(handoff("check", "--json", str(slip)).out)

    assert [each["code"] for each in found["findings"]] == ["UNKNOWN_ROLE", "LIMIT_LENGTH"]
    assert {"line", "column", "key"} == set(found["findings"][0]["place"])


def test_a_protocol_is_told_in_plain_english(handoff: Run) -> None:
    """Numbered clauses say who must do what, when it is due, and who hears if it is not done."""
    found = handoff("show", P1)

    assert found.code == 0
    assert "1. referral\n     Patrol must give advocacy the case and the safe numbers." in found.out
    assert "Due within 2 hours.\n     When due: the sergeant is told.\n     2 hours late: the coordinator" in found.out
    assert str(len(json.loads(handoff("show", P1, "--json").out)["parts"][-2]["clauses"]) + 11) == "12"


def test_scenarios_are_played_and_timed(handoff: Run) -> None:
    """Every story beside the text holds, each with its milliseconds."""
    found = handoff("test", P1)

    assert found.code == 0
    assert re.fullmatch(r"(\d+) of \1 scenarios hold\.", found.out.splitlines()[-1])
    assert all(each["ms"] < 5000 for each in json.loads(handoff("test", P1, "--json").out)["scenarios"])


def test_a_story_that_does_not_hold_is_named_with_its_line(handoff: Run, tmp_path: Path) -> None:
    """What was expected and what was found stand at the entry's line, and the code is 1."""
    text = find(P1)
    (tmp_path / "1.yaml").write_bytes(text.read_bytes())
    stories = tmp_path / "1.scenarios.yaml"
    stories.write_text(
        f"scenario: Wrong\nof: {P1}\nstory:\n - {{at: 2026-03-06 23:00, when: arrest-booked, expect: case ended}}\n"
    )

    found = handoff("test", str(tmp_path / "1.yaml"))

    assert found.code == 1
    assert f"{stories}:4: expected case ended; found it goes on" in found.out
    assert "0 of 1 scenarios hold." in found.out


def test_what_no_story_tells_of_is_listed_and_may_fail(handoff: Run, tmp_path: Path) -> None:
    """One story tells little of a protocol: the rest is listed by kind, and the code is 1 under the wanted share."""
    text = find(P1)
    (tmp_path / "1.yaml").write_bytes(text.read_bytes())
    (tmp_path / "1.scenarios.yaml").write_text(
        f"scenario: Short\nof: {P1}\nstory:\n - {{at: 2026-03-06 23:00, when: arrest-booked}}\n"
    )
    arguments = ("test", str(tmp_path / "1.yaml"), "--coverage")

    found = handoff(*arguments)
    told = json.loads(handoff(*arguments, "--json").out)

    assert (found.code, handoff(*arguments, "--fail-under", "100").code) == (0, 1)
    assert "   2 of   12 steps" in found.out.splitlines()
    assert "             no scenario tells of first-call/declined" in found.out.splitlines()
    assert 0 < told["told"] < 10
    assert {"kind": "event", "all": 7}.items() <= told["coverage"][0].items()


def test_without_a_name_every_bundled_protocol_is_tried(handoff: Run) -> None:
    """The stories of each bundled protocol tell all of it."""
    found = handoff("test", "--coverage", "--fail-under", "100", "--json")

    assert (found.code, {each["told"] for each in json.loads(found.out)}) == (0, {100.0})


def test_a_protocol_is_drawn_here_or_into_a_file(handoff: Run, tmp_path: Path) -> None:
    """SVG by default; the ladders only when asked for."""
    file = tmp_path / "drawn.svg"

    here, there = handoff("graph", P1), handoff("graph", P1, "--ladders", "--out", str(file))

    assert (here.code, there.code, there.out) == (0, 0, "")
    assert here.out.startswith("<svg ")
    assert ("the sergeant is told" in here.out, "the sergeant is told" in file.read_text()) == (False, True)
    assert handoff("graph", P1, "--format", "mermaid").out.startswith("flowchart LR\n")
    assert handoff("graph", P1, "--format", "dot").out.startswith('digraph "Advocacy after an arrest" {\n')


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "post-arrest"), "Did you mean post-arrest-advocacy? (UNKNOWN_PROTOCOL)"),
        (("graph", P1, "--out", "no/where.svg"), "no/where.svg cannot be written: No such file or directory. (FILE)"),
        (("check", "nowhere.yaml"), "nowhere.yaml cannot be read: No such file or directory. (FILE)"),
        (("tasks", "--as", "advocate"), "(NO_CREDENTIALS)"),
        (("cases", "--token", "x"), "Is it running? Start it with: handoff up (UNREACHABLE)"),
        (("intake", "x.csv", "--protocol", P1, "--map", "nowhere.yaml"), "(FILE)"),
    ],
)
def test_an_expected_failure_is_one_plain_sentence(handoff: Run, arguments: tuple[str, ...], says: str) -> None:
    """A sentence and a code on standard error, exit code 1, no traceback."""
    found = handoff(*arguments)

    assert (found.code, found.out, found.err.count("\n")) == (1, "", 1)
    assert found.err.strip().endswith(says)


def test_an_expected_failure_is_json_for_programs(handoff: Run) -> None:
    """With --json the sentence and the code come apart."""
    assert json.loads(handoff("show", "nothing", "--json").err)["code"] == "UNKNOWN_PROTOCOL"


def test_wrong_usage_ends_with_2(handoff: Run) -> None:
    """What the program could not understand is told from what it refused."""
    assert [handoff(*each).code for each in (("check",), ("nonsense",), ("tasks", "--limit", "0"))] == [2, 2, 2]


def test_nothing_is_started_where_somebody_else_listens(
    handoff: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program's answers would be taken for ours, so it is refused before anything is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("HANDOFF_PORT", str(taken.getsockname()[1]))

        found = handoff("up")

    assert 1 == found.code
    assert found.err.strip().endswith("Set HANDOFF_PORT to another. (PORT_TAKEN)")
    assert not (tmp_path / "data" / "handoff.db").exists()


def test_the_doctor_changes_nothing(handoff: Run, tmp_path: Path) -> None:
    """Every setting and check is listed, and no folder is made by looking."""
    found = json.loads(handoff("doctor", "--json").out)

    assert "HANDOFF_PORT" in {each["name"] for each in found["settings"]}
    assert {"data folder", "temporal", "database", "custodian"} <= {each["name"] for each in found["checks"]}
    assert not (tmp_path / "data").exists()


def test_the_doctor_finds_a_credentials_file_that_others_can_read(handoff: Run, tmp_path: Path) -> None:
    """It says what to run, and the code is 1."""
    (tmp_path / "data").mkdir(mode=0o700)
    file = tmp_path / "data" / "credentials.txt"
    file.touch()
    file.chmod(0o644)

    found = handoff("doctor")

    assert found.code == 1
    assert f"Run: chmod 600 {file}" in found.out


def test_a_rehearsal_says_what_differs_and_what_it_cannot_know(handoff: Run, tmp_path: Path) -> None:
    """Both texts in processes of their own; a table, the same bytes as JSON twice, and a drawing."""
    text = tmp_path / "new.yaml"
    text.write_text(find(P1).read_text().replace("due: within 2 hours", "due: within 60 minutes"))
    export, habits = tmp_path / "export.csv", find(P1).with_name("habits.yaml")
    rows = [f"2025-0{1 + n % 6}-{1 + n % 27:02}T{n % 24:02}:15:00,true,secret-canary" for n in range(60)]
    export.write_text("\n".join(["at,arrest,notes", *rows]))
    mapping = tmp_path / "map.yaml"
    mapping.write_text(
        "event: arrest-booked\nsource: police\nonly: arrest is true\nkey: '{at}'\nsame key: number\n"
        "occurred at: {column: at, zone: America/Chicago}\n"
    )
    common = (str(text), "--against", P1, "--incidents", str(export), "--map", str(mapping), "--habits", str(habits))

    printed = handoff("rehearse", *common, "--svg", str(tmp_path / "r.svg"))
    once, twice = (handoff("rehearse", *common, "--json") for _ in range(2))

    assert (printed.code, printed.err) == (0, "")
    assert "60 rows read: 0 passed over by the mapping, 60 cases" in printed.out
    assert "rehearsal, not forecast" in printed.out
    assert "It cannot know:" in printed.out
    assert re.search(r"referral .* points \(", printed.out)
    assert once.out == twice.out
    assert json.loads(once.out)["cases"] == [60, 60]
    assert "secret-canary" not in printed.out + once.out + (tmp_path / "r.svg").read_text()


def test_a_rehearsal_of_a_text_that_lost_the_event_is_refused(handoff: Run, tmp_path: Path) -> None:
    """The finding names the event and its place in the mapping."""
    mapping = tmp_path / "map.yaml"
    mapping.write_text(
        "event: arrested\nsource: police\nkey: '{at}'\noccurred at: {column: at, zone: America/Chicago}\n"
    )
    export = tmp_path / "export.csv"
    export.write_text("at\n2025-01-01T01:00:00\n")

    found = handoff("rehearse", P1, "--against", P1, "--incidents", str(export), "--map", str(mapping))

    assert found.code == 1
    assert "UNKNOWN_EVENT" in found.err


def test_a_diff_says_what_changes_and_ends_with_1(handoff: Run, tmp_path: Path) -> None:
    """Worst first, with who must agree; as JSON the same; a text against itself says so and ends with 0."""
    text = tmp_path / "new.yaml"
    text.write_text(
        find(P1)
        .read_text()
        .replace("due: within 2 hours", "due: within 90 minutes")
        .replace(", 2 hours late: tell", ", 3 hours late: tell")
    )

    found, same = handoff("diff", P1, str(text)), handoff("diff", P1, P1)
    told = json.loads(handoff("diff", P1, str(text), "--json").out)

    assert (found.code, found.err) == (1, "")
    assert found.out.splitlines()[0] == "2 changes in meaning, 2 lines; worst: loosens (majority)"
    assert (
        "D33 L  Referral: coordinator is told 3 hours late, was 2 hours late: up to 1 hour later.  [council, police]"
        in found.out
    )
    assert (same.code, same.out) == (0, "no change in meaning, 0 lines\n")
    assert (told["worst"], [each["code"] for each in told["changes"]]) == ("L", ["D33", "D23"])


def test_a_diff_of_two_protocols_or_of_a_wrong_rename_is_refused(handoff: Run, tmp_path: Path) -> None:
    """With the code and the name that is wrong."""
    text = tmp_path / "new.yaml"
    text.write_text(find(P1).read_text().replace(" safe-contact:\n", " safe-contact:\n  was: never-there\n"))

    assert "OTHER_PROTOCOL" in handoff("diff", P1, "marac").err
    assert "WAS_UNKNOWN" in handoff("diff", P1, str(text)).err


def test_a_change_that_no_scenario_would_notice_is_named(handoff: Run, tmp_path: Path) -> None:
    """A window that a story pins is noticed; a date that no story can come by is not."""
    text, stories = find(P1).read_text(), find(P1).with_suffix(".scenarios.yaml")
    (tmp_path / "1.scenarios.yaml").write_bytes(stories.read_bytes())
    for was, written, code, said in (
        ("due: within 2 hours", "due: within 90 minutes", 0, "Changed units noticed: 1 of 1."),
        (
            "review by: 2027-01-15",
            "review by: 2027-06-15",
            1,
            "no scenario notices what changes in agreement:arrest-mou",
        ),
    ):
        (tmp_path / "1.yaml").write_text(text.replace(was, written))
        found = handoff("scenario", "coverage", str(tmp_path / "1.yaml"), "--against", P1)
        assert (found.code, said in found.out) == (code, True), found.out


def test_mutants_that_survive_are_told_as_changes(handoff: Run) -> None:
    """Each with its sentence; a share below what is asked for is the exit code 1."""
    found = handoff("scenario", "mutate", "self-referral", "--unit", "step:call-back", "--fail-under", "100", "--json")
    said = json.loads(found.out)

    assert (found.code, said["mutants"], said["noticed"], said["share"]) == (1, 23, 22, 95.7)
    assert [each["says"][0][:45] for each in said["survivors"]] == ["D23 T  Advocate has 29 minutes after call at,"]
