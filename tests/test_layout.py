"""The house keeps its shape: what stands where, who may import whom, and that each check bites when it should."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.settings import Settings
from runtime.temporal_binary import VERSION
from runtime.temporal_config import ALWAYS, POSTGRES_PLUGIN, POSTGRES_SHARDS, Postgres
from store.temporal_tables import SCHEMAS

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("activities", "api", "commands", "protocol", "runtime", "store", "workflows")

TOP_LEVEL = {
    *PACKAGES, "bench", "docs", "protocol_specs", "tests", "cli.py", "worker.py",
    "Makefile", "README.md", "CHANGELOG.md", "pyproject.toml",
    "requirements.in", "requirements.lock", "requirements-dev.in", "requirements-dev.lock",
    "Dockerfile", "docker-compose.yml", ".ci", ".dockerignore", ".gitignore",
}  # fmt: skip

LONGEST = 500
LONGER = {
    "protocol/kernel.py": "the closed types of what a protocol is made of, which refer to each other",
    "tests/protocol/mutants.py": "one function for each kind of mutant",
}
"""Modules over the limit, with the reason."""

NAMES_TEMPORAL = {"api/deps.py", "cli.py", "worker.py"}
NAMES_TEMPORAL_FOLDERS = ("activities/", "bench/", "runtime/", "tests/", "workflows/")
READS_ENVIRONMENT = {
    "runtime/settings.py": "the one place for settings",
    "runtime/temporal_binary.py": "hands its environment to the build, and finds the user's cache folder",
}


@lru_cache
def files() -> tuple[str, ...]:
    """Every file of the project: tracked, or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return tuple(each for each in listed.splitlines() if (ROOT / each).is_file())


def modules() -> list[str]:
    return [each for each in files() if each.endswith(".py")]


@lru_cache
def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def imported(module: str) -> set[str]:
    """The top names of everything a module imports, wherever in it."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module.partition(".")[0])
    return found


def test_nothing_new_stands_at_the_top() -> None:
    """A new name at the top level is a decision, made here."""
    assert set() == {each.partition("/")[0] for each in files()} - TOP_LEVEL


def test_modules_are_short() -> None:
    """No module is over 500 lines without a reason, and no reason outlives its module's length."""
    lengths = {each: len((ROOT / each).read_text(encoding="utf-8").splitlines()) for each in modules()}
    assert set(LONGER) == {each for each, length in lengths.items() if length > LONGEST}
    assert max(lengths.values()) < 850


def test_no_module_has_a_name_that_says_nothing() -> None:
    """There is no utils, helpers, manager or common."""
    assert [] == [each for each in modules() if Path(each).stem in {"common", "helpers", "manager", "utils"}]


def test_every_package_is_installed() -> None:
    """The list of packages in pyproject.toml is the list of folders that hold modules."""
    found = {str(Path(each).parent).replace("/", ".") for each in modules() if each.startswith(PACKAGES)}
    assert found == set(PYPROJECT["tool"]["setuptools"]["packages"])


def test_every_package_is_under_the_import_contracts() -> None:
    """The linted contracts know every package, and the layers name each of them."""
    contracts = PYPROJECT["tool"]["importlinter"]
    assert set(PACKAGES) == set(contracts["root_packages"])
    (layers,) = (each["layers"] for each in contracts["contracts"] if each["type"] == "layers")
    assert set(PACKAGES) == set(layers)


def test_nobody_imports_an_entry_point() -> None:
    """Only the command line and the bench may import the API or the worker; only tests import the command line."""
    for module in modules():
        names, folder = imported(module), module.partition("/")[0]
        if folder == "tests":
            continue
        assert "cli" not in names, module
        assert "tests" not in names or folder == "bench", module
        assert "worker" not in names or module == "cli.py" or folder == "bench", module
        assert "api" not in names or module == "cli.py" or folder in {"api", "bench"}, module


def test_the_worker_is_wiring() -> None:
    """The worker names no SQL and no web framework: it puts the packages together."""
    assert set() == imported("worker.py") & {"api", "alembic", "fastapi", "psycopg", "sqlalchemy", "uvicorn"}


def test_the_command_line_is_wiring() -> None:
    """The command line names no SQL, no web framework and no Temporal: the packages do."""
    for module in ("cli.py", *(each for each in modules() if each.startswith("commands/"))):
        assert set() == imported(module) & {"alembic", "fastapi", "psycopg", "sqlalchemy", "temporalio"}, module


def test_only_the_listed_modules_name_temporal() -> None:
    """Temporal stays behind workflows, activities, runtime, the worker and the API's dependencies."""
    named = {each for each in modules() if "temporalio" in imported(each)}
    assert set() == {each for each in named if not each.startswith(NAMES_TEMPORAL_FOLDERS)} - NAMES_TEMPORAL


def test_only_the_settings_read_the_environment() -> None:
    """Nothing else asks the environment, so the settings' table is the whole truth."""
    asks = re.compile(r"\b(environ|getenv|putenv)\b")
    named = {
        each
        for each in modules()
        if not each.startswith(("tests/", "bench/"))
        for node in ast.walk(tree(each))
        if isinstance(node, ast.Attribute | ast.alias)
        and asks.fullmatch(getattr(node, "attr", getattr(node, "name", "")))
    }
    assert set(READS_ENVIRONMENT) == named


def test_no_file_names_this_machine_or_a_registry() -> None:
    """A clone works anywhere: no folder of somebody's machine, no registry's host, no index of packages."""
    hosts = ("pypi" + ".org", "python" + "hosted", "golang" + ".org", "npm" + "js", "crates" + ".io", "debian" + ".org")
    folders = (r"/(home|root|Users|work)/[a-z]", "find" + "-links", "index" + "-url", "/opt/" + "wheels")
    wrong = re.compile("|".join((*map(re.escape, hosts), *folders, re.escape(f"{ROOT}/"))))
    allowed = {"Makefile": "tells the compiler of the locks to leave them out", "tests/test_layout.py": "this list"}
    found = {
        f"{each}:{number}"
        for each in files()
        if each not in allowed
        for number, line in enumerate((ROOT / each).read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if wrong.search(line)
    }
    assert set() == found


def test_every_dependency_is_locked_with_its_hashes() -> None:
    """Each name of requirements.in is in the lock, each line of the lock has hashes, and the tests' lock agrees."""
    lock, wider = ((ROOT / each).read_text() for each in ("requirements.lock", "requirements-dev.lock"))
    for line in (ROOT / "requirements.in").read_text().splitlines():
        if line and not line.startswith("#"):
            name = re.split(r"[=\[]", line)[0]
            assert re.search(rf"^{name}(\[[a-z]+\])?==", lock, re.MULTILINE), name
    pinned = re.compile(r"^[a-z0-9._-]+==.*$", re.MULTILINE)
    assert all(each.endswith("\\") for each in pinned.findall(lock))
    assert set() == set(pinned.findall(lock)) - set(pinned.findall(wider))


# What must break each contract, and where it is planted.
PLANTS = {
    "layers": ("store/planted.py", "import workflows.messages"),
    "pure": ("protocol/planted.py", "import time"),
    "engine": ("protocol/engine/planted.py", "import protocol.text.reading"),
    "workflows": ("workflows/planted.py", "import runtime.settings"),
    "workflows-activities": ("workflows/planted.py", "import activities.projection"),
    "activity-contracts": ("activities/contracts.py", "import runtime.settings"),
    "api-activities": ("api/planted.py", "import activities.contracts"),
    "sql": ("runtime/planted.py", "import sqlalchemy"),
    "temporal": ("store/planted.py", "import temporalio.client"),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages and their contracts, to break."""
    copy = tmp_path_factory.mktemp("house")
    for each in chain(("pyproject.toml",), (name for name in modules() if name.startswith(PACKAGES))):
        (copy / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / each, copy / each)
    return copy


def contract(house: Path, name: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("lint-imports"))
    return subprocess.run(
        [program, "--no-logo", "--no-cache", "--contract", name], cwd=house, capture_output=True, text=True, check=False
    )


def test_every_contract_has_a_plant() -> None:
    """A contract that nobody tried to break is not a contract."""
    assert set(PLANTS) == {each["id"] for each in PYPROJECT["tool"]["importlinter"]["contracts"]}


@pytest.mark.parametrize("name", PLANTS)
def test_a_contract_is_kept_and_breaks_when_it_should(house: Path, name: str) -> None:
    """As the project stands the contract holds; one import against it breaks it."""
    path, line = PLANTS[name]
    assert 0 == contract(house, name).returncode
    planted = house / path
    before = planted.read_text() if planted.exists() else None
    planted.write_text(f"{before or ''}\n{line}\n")
    try:
        broken = contract(house, name)
    finally:
        planted.unlink() if before is None else planted.write_text(before)
    assert (1, True) == (broken.returncode, " BROKEN" in broken.stdout)


def test_ruff_and_mypy_bite() -> None:
    """An unused import and an untyped function are refused with this project's configuration."""
    beside = Path(sys.executable).parent
    ruff = [str(beside / "ruff"), "check", "--stdin-filename", "runtime/planted.py", "-"]
    linted = subprocess.run(ruff, input="import os\n", cwd=ROOT, capture_output=True, text=True, check=False)
    assert (1, True) == (linted.returncode, "F401" in linted.stdout)
    mypy = [sys.executable, "-m", "mypy", "--cache-dir", "/dev/null", "-c", "def f(x): return x"]
    typed = subprocess.run(mypy, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (1, True) == (typed.returncode, "no-untyped-def" in typed.stdout)


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_containers_are_published_on_this_machine_only(compose: Any) -> None:
    """No port is open to another machine, and the database's and Temporal's are open to none."""
    published = {name: port for name, each in compose["services"].items() for port in each.get("ports", [])}
    assert {"api", "temporal-ui"} == set(published)
    # Temporal's pages ask nobody who they are: off unless asked for.
    assert ["ui"] == compose["services"]["temporal-ui"]["profiles"]
    assert all(port.startswith("127.0.0.1:") for port in published.values())


def test_containers_take_their_secrets_from_files(compose: Any) -> None:
    """Each secret is a file; no environment variable of a container holds a password."""
    assert all(set(each) == {"file"} for each in compose["secrets"].values())
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASS" not in name or str(value).startswith("/run/secrets/"), name


def test_only_the_custodian_holds_the_agencies_keys(compose: Any) -> None:
    """No other container mounts them, and the custodian's has no network."""
    holders = {
        name
        for name, each in compose["services"].items()
        if any(volume.startswith("agencies:") for volume in each.get("volumes", []))
    }
    assert ({"custodian"}, "none") == (holders, compose["services"]["custodian"]["network_mode"])


def test_containers_use_settings_that_there_are(compose: Any) -> None:
    """Every HANDOFF_ variable of the containers is a setting, or a start would be refused."""
    known = {f"HANDOFF_{name.upper()}" for name in Settings.model_fields}
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "Dockerfile").read_text()
    assert set() == set(re.findall(r"HANDOFF_[A-Z_]+", text)) - known


def test_containers_run_the_same_server_as_everyone(compose: Any) -> None:
    """The server's version and its settings are those of the embedded one."""
    server = compose["services"]["temporal"]["image"]
    tools = compose["services"]["temporal-schema"]["image"]
    assert (f"temporalio/server:{VERSION}", f"temporalio/admin-tools:{VERSION}") == (server, tools)
    dynamic = yaml.safe_load(compose["configs"]["dynamic"]["content"])
    assert ALWAYS == {name: values[0]["value"] for name, values in dynamic.items()}


def test_containers_keep_temporals_cases_as_local_processes_do(compose: Any) -> None:
    """The same kind of database, number of shards, names of databases, and tables as ``handoff up`` on PostgreSQL."""
    environment = compose["services"]["temporal"]["environment"]
    assert (POSTGRES_PLUGIN, str(POSTGRES_SHARDS)) == (environment["DB"], environment["NUM_HISTORY_SHARDS"])
    script = compose["services"]["temporal-schema"]["command"][-1].replace("$$", "$")
    assert f"--plugin {POSTGRES_PLUGIN} " in script
    known = Postgres(host="postgres", port=5432, user="temporal")
    roles = compose["configs"]["roles"]["content"]
    for schema, database in zip(SCHEMAS, (known.database, known.visibility), strict=True):
        folder, _, each = schema.rpartition("/")
        assert f"--schema-name {folder}/$each" in script
        assert re.search(rf"for each in .*\b{each}\b", script)
        assert f"database={database}\n" in f"{script}\n"
        assert f"CREATE DATABASE {database} OWNER {known.user};" in roles


def test_containers_that_need_the_server_wait_for_its_tables(compose: Any) -> None:
    """Tables before server, server before namespace, namespace before worker and API."""
    waits = {name: each.get("depends_on", {}) for name, each in compose["services"].items()}
    assert waits["temporal-schema"]["postgres"]["condition"] == "service_healthy"
    assert waits["temporal"]["temporal-schema"]["condition"] == "service_completed_successfully"
    assert waits["migrate"]["temporal"]["condition"] == "service_healthy"
    assert all(waits[each]["migrate"]["condition"] == "service_completed_successfully" for each in ("worker", "api"))


def test_the_container_s_shell_scripts_can_be_read() -> None:
    """What the containers run in a shell is a shell's language, after the file's own ``$$``."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    scripts = [each["command"][-1] for each in compose["services"].values() if each.get("command", [""])[0] == "sh"]
    scripts.append(compose["configs"]["roles"]["content"])
    for script in scripts:
        read = subprocess.run(
            ["sh", "-n"], input=script.replace("$$", "$"), text=True, capture_output=True, check=False
        )
        assert (0, "") == (read.returncode, read.stderr)
