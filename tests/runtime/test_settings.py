"""What an installation may choose, and how a wrong choice is answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.errors import HandoffError
from runtime.settings import Settings, load
from runtime.temporal_config import Postgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting but those a test makes."""
    for name in list(os.environ):
        if name.startswith("HANDOFF_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def refused() -> HandoffError:
    with pytest.raises(HandoffError) as caught:
        load()
    return caught.value


def test_everything_has_a_default_in_the_users_data_folder(tmp_path: Path) -> None:
    """With no settings at all, one folder holds everything, and only this machine is served."""
    found = load()
    assert tmp_path / "handoff" == found.data
    assert f"sqlite:///{tmp_path / 'handoff' / 'handoff.db'}" == found.database_url
    assert (found.data / "keys", found.data / "run") == (found.key_dir, found.custodian_dir)
    assert ("127.0.0.1", 8080, None) == (found.host, found.port, found.temporal_address)


def test_the_environment_is_read_and_a_command_line_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command was given wins over the environment; what it was not given does not."""
    monkeypatch.setenv("HANDOFF_PORT", "9000")
    monkeypatch.setenv("HANDOFF_HOST", "0.0.0.0")  # noqa: S104 - as a container sets it
    found = load({"port": 9001, "host": None})
    assert (9001, "0.0.0.0") == (found.port, found.host)  # noqa: S104 - as above
    assert "http://127.0.0.1:9001" == found.url


def test_an_empty_setting_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable, as a compose file may leave it, means the default."""
    monkeypatch.setenv("HANDOFF_DATA", "")
    monkeypatch.setenv("HANDOFF_PORT", "")
    assert ("handoff", 8080) == (load().data.name, load().port)


def test_a_relative_folder_is_made_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that is started elsewhere later means the same folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDOFF_DATA", "here")
    assert tmp_path / "here" == load().data


def test_an_unknown_name_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip of the pen does not leave a default in force."""
    monkeypatch.setenv("HANDOFF_PROT", "9000")
    assert ("SETTING_UNKNOWN", True) == (refused().code, "Did you mean HANDOFF_PORT?" in refused().message)


def test_names_of_the_tests_and_of_clients_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token for commands and a number for the tests may stand beside the settings."""
    monkeypatch.setenv("HANDOFF_TEST_SEED", "7")
    monkeypatch.setenv("HANDOFF_TOKEN", "secret")
    assert 8080 == load().port


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HANDOFF_PORT", "70000"),
        ("HANDOFF_PORT", "canary"),
        ("HANDOFF_TEMPORAL_ADDRESS", "canary"),
        ("HANDOFF_TASK_QUEUE", "Canary Queue"),
        ("HANDOFF_LOG_LEVEL", "canary"),
        ("HANDOFF_DATABASE_PASSWORD_FILE", "/canary/missing"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The answer says which setting is wrong; what it held may be a secret."""
    monkeypatch.setenv("HANDOFF_DATABASE_URL", "postgresql://handoff@db/handoff")
    monkeypatch.setenv(name, value)
    error = refused()
    assert "SETTING_WRONG" == error.code
    assert name in error.message or name == "HANDOFF_DATABASE_PASSWORD_FILE"
    assert "canary" not in error.message.lower()


def test_a_password_file_fills_the_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The password comes from the file, escaped, and is masked wherever settings are shown."""
    secret = tmp_path / "password"
    secret.write_text("p@ss/word\n")
    monkeypatch.setenv("HANDOFF_DATABASE_URL", "postgresql://handoff@db:5432/handoff")
    monkeypatch.setenv("HANDOFF_DATABASE_PASSWORD_FILE", str(secret))
    found = load()
    assert "postgresql://handoff:p%40ss%2Fword@db:5432/handoff" == found.database_url
    shown = repr(found) + str(found) + repr(found.as_table())
    assert "ss%2Fword" not in shown
    assert "postgresql://handoff:***@db:5432/handoff" in shown


def test_two_passwords_are_refused(tmp_path: Path) -> None:
    """An address that already has a password leaves no doubt which one counts."""
    secret = tmp_path / "password"
    secret.write_text("one")
    given = {"database_url": "postgresql://handoff:two@db/handoff", "database_password_file": secret}
    with pytest.raises(HandoffError) as caught:
        load(given)
    assert "SETTING_WRONG" == caught.value.code


@pytest.mark.parametrize("name", [f"HANDOFF_{each}DATABASE_URL" for each in ("", "KEYS_", "TEMPORAL_")])
def test_a_password_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The sentence names the setting of the file it belongs into, and does not repeat the password."""
    monkeypatch.setenv(name, "postgresql://handoff:canary@db/handoff")
    error = refused()
    assert ("SETTING_SECRET", False) == (error.code, "canary" in error.message)
    assert f"{name.removesuffix('_URL')}_PASSWORD_FILE" in error.message


@pytest.mark.parametrize(
    "given",
    [
        {"temporal_tls_cert_file": "c", "temporal_tls_ca_file": "a", "temporal_address": "t:7233"},
        {"temporal_tls_key_file": "k", "temporal_tls_ca_file": "a", "temporal_address": "t:7233"},
        {"temporal_tls_cert_file": "c", "temporal_tls_key_file": "k", "temporal_address": "t:7233"},
        {"temporal_tls_ca_file": "a"},
    ],
)
def test_half_a_tls_connection_is_refused(given: dict[str, str]) -> None:
    """A certificate has its key, somebody is believed, and there is a server to speak to."""
    with pytest.raises(HandoffError) as caught:
        load(given)
    assert "SETTING_WRONG" == caught.value.code


def test_settings_cannot_be_changed() -> None:
    """What was chosen at the start holds to the end."""
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1  # type: ignore[misc]


def test_folders_are_for_the_owner_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every folder is made closed to others, and an empty one that was open is closed."""
    (tmp_path / "open").mkdir(mode=0o755)
    monkeypatch.setenv("HANDOFF_DATA", str(tmp_path / "open"))
    found = load()
    found.make_folders()
    found.make_folders()
    for folder in (found.data, found.logs, found.key_dir, found.custodian_dir):
        assert 0o700 == folder.stat().st_mode & 0o777


def test_an_open_folder_with_other_things_in_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody else's folder is neither used nor closed to them."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "report.txt").write_text("")
    monkeypatch.setenv("HANDOFF_DATA", str(shared))
    with pytest.raises(HandoffError) as caught:
        load().make_folders()
    assert ("FOLDER_OPEN", 0o755) == (caught.value.code, shared.stat().st_mode & 0o777)


def test_a_folder_that_cannot_be_made_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file in the way is answered in words."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HANDOFF_DATA", str(tmp_path / "file" / "data"))
    with pytest.raises(HandoffError) as caught:
        load().make_folders()
    assert "FOLDER_UNWRITABLE" == caught.value.code


def test_a_child_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment for children gives back the very settings it was made from."""
    secret = tmp_path / "password"
    secret.write_text("p@ss")
    monkeypatch.setenv("HANDOFF_DATABASE_URL", "postgresql://handoff@db/handoff")
    monkeypatch.setenv("HANDOFF_DATABASE_PASSWORD_FILE", str(secret))
    found = load({"port": 9001, "demonstration": False})
    code = "from runtime.settings import load; print(load().model_dump_json())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=found.environment(), capture_output=True, text=True, check=True
    )
    assert json.loads(found.model_dump_json()) == json.loads(done.stdout)
    assert "ss@db" not in str(found.environment())
    assert str(secret) == found.environment()["HANDOFF_DATABASE_PASSWORD_FILE"]


def test_every_setting_is_documented() -> None:
    """The table has one line for each setting: its variable, default, value and a sentence."""
    table = load().as_table()
    assert len(Settings.model_fields) == len(table)
    for line in table:
        assert line.name.startswith("HANDOFF_")
        assert line.says.endswith(".")
        assert line.default
        assert line.value


def test_temporals_database_is_told_to_no_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its password comes from a file, is masked when shown, and is not in what other programs are started with."""
    (tmp_path / "password").write_text("canary-7f3a9c\n")
    monkeypatch.setenv("HANDOFF_TEMPORAL_DATABASE_URL", "postgresql://temporal@[::1]:5433/engine")
    monkeypatch.setenv("HANDOFF_TEMPORAL_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    found = load()
    postgres = found.temporal_postgres

    assert postgres == Postgres(
        host="::1",
        port=5433,
        user="temporal",
        password="canary-7f3a9c",
        database="engine",
        visibility="engine_visibility",
    )
    assert "canary-7f3a9c" not in f"{found!r}{postgres!r}{found.as_table()}{found.environment()}"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////canary.db",
        "postgresql://127.0.0.1/canary",
        "postgresql://canary@127.0.0.1",
        "postgresql://canary@127.0.0.1:port/temporal",
        "postgresql://canary@127.0.0.1/temporal?sslmode=require",
        "postgresql://canary@127.0.0.1/two%20words",
        "postgresql://temporal:canary%20two@127.0.0.1/temporal",
    ],
)
def test_an_address_temporal_cannot_use_is_refused(url: str) -> None:
    """What Temporal would misread is refused at the start, without repeating it."""
    with pytest.raises(HandoffError) as caught:
        load({"temporal_database_url": url})
    assert ("SETTING_WRONG", False) == (caught.value.code, "canary" in caught.value.message)
