"""The deployment: four parts of Airflow and Postgres, each with a health check, secrets by files, only the UI on loopback."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import shlex
import shutil
import stat
import subprocess
from typing import Any

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW = {"airflow-init", "api-server", "scheduler", "dag-processor", "triggerer"}
WORKERS = AIRFLOW - {"airflow-init", "api-server"}
DEMO = {"source", "swift", "demo-init"}
SENSITIVE = re.compile(r"PASSWORD|SECRET|FERNET|SQL_ALCHEMY_CONN|_KEY")
HARMLESS = re.compile(r".*(_CMD|_FILE)|AIRFLOW__SECRETS__BACKEND(_KWARGS)?|AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A copy of what `docker/init-secrets` needs, after it ran with --demo."""
    copy = tmp_path_factory.mktemp("checkout")
    (copy / "docker").mkdir()
    shutil.copy(ROOT / "docker/init-secrets", copy / "docker/init-secrets")
    subprocess.run([copy / "docker/init-secrets", "--demo"], check=True, capture_output=True)
    return copy


def test_the_services_are_airflows_parts_postgres_and_a_demo_profile() -> None:
    assert set(SERVICES) == AIRFLOW | {"postgres"} | DEMO
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]} == DEMO


def test_everything_that_keeps_running_has_a_health_check() -> None:
    passing = {name for name, service in SERVICES.items() if service.get("restart") == "no"}
    assert passing == {"airflow-init", "demo-init"}
    for name in set(SERVICES) - passing:
        assert SERVICES[name]["healthcheck"]["test"], name


def test_only_the_ui_is_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:${PROVEN_PORT:-8080}:8080"]}
    assert not [name for name, service in SERVICES.items() if "network_mode" in service or service.get("privileged")]


def test_no_secret_stands_in_an_environment() -> None:
    seen = {key for service in SERVICES.values() for key in service.get("environment", {}) if SENSITIVE.search(key)}
    assert len(seen) > 4
    assert not [key for key in seen if not HARMLESS.fullmatch(key)]


def test_what_a_service_reads_as_a_secret_it_is_given() -> None:
    for name, service in SERVICES.items():
        given = set(service.get("secrets", []))
        assert given <= set(COMPOSE["secrets"]), name
        read = set(
            re.findall(r"/run/secrets/([\w.]+)", json.dumps([service.get("environment", {}), service.get("command", [])]))
        )
        unused_by_init = {"jwt_secret", "api_secret_key"} if name == "airflow-init" else set()
        assert read - unused_by_init <= given, name


def test_the_part_that_people_reach_holds_no_credential() -> None:
    assert "connections.json" not in SERVICES["api-server"]["secrets"]
    assert not [volume for volume in SERVICES["api-server"]["volumes"] if "keys" in volume]
    for name in WORKERS:
        assert "connections.json" in SERVICES[name]["secrets"]


def test_our_containers_are_not_root_and_have_no_capability() -> None:
    for name in set(SERVICES) - {"postgres"}:
        assert SERVICES[name]["user"].startswith("${PROVEN_UID"), name
        assert SERVICES[name]["cap_drop"] == ["ALL"], name


def test_code_is_mounted_read_only_and_can_be_imported() -> None:
    for name in WORKERS | {"api-server"}:
        for folder in ("dags", "include", "plugins"):
            assert f"./{folder}:/opt/proven/{folder}:ro" in SERVICES[name]["volumes"], name
        assert SERVICES[name]["environment"]["PYTHONPATH"] == "/opt/proven"


def test_what_the_dockerfile_and_compose_name_is_there() -> None:
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists(), name
    for service in SERVICES.values():
        for word in [*service.get("command", []), *service.get("healthcheck", {}).get("test", [])]:
            if word.startswith("docker/"):
                assert (ROOT / word).exists(), word


def test_the_image_takes_nothing_in_but_what_is_listed() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    assert "docker/secrets" in lines
    assert not [line for line in lines if line in ("!.git", "!.venv", "!.env")]


def test_secrets_are_made_closed_strong_and_each_its_own(installation: pathlib.Path) -> None:
    secrets = installation / "docker" / "secrets"
    assert {file.name for file in secrets.iterdir() if file.is_file()} == set(COMPOSE["secrets"])
    assert {entry["file"] for entry in COMPOSE["secrets"].values()} == {
        f"./docker/secrets/{name}" for name in COMPOSE["secrets"]
    }
    for file in secrets.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600), file.name
    contents = [file.read_text() for file in secrets.iterdir() if file.is_file()]
    assert len(set(contents)) == len(contents)
    assert min(len(content.strip()) for content in contents) >= 24
    assert len(base64.urlsafe_b64decode((secrets / "fernet_key").read_text())) == 32
    assert len((secrets / "jwt_secret").read_text()) >= 64
    password = (secrets / "postgres_password").read_text()
    assert (secrets / "sql_alchemy_conn").read_text() == f"postgresql+psycopg2://airflow:{password}@postgres/airflow"
    assert set(json.loads((secrets / "connections.json").read_text())) == {"proven_shop", "proven_swift", "proven_pagerduty"}


def test_secrets_that_exist_are_kept(installation: pathlib.Path) -> None:
    secrets = installation / "docker" / "secrets"
    before = {file.name: file.read_bytes() for file in secrets.iterdir() if file.is_file()}
    subprocess.run([installation / "docker/init-secrets"], check=True, capture_output=True)
    assert {file.name: file.read_bytes() for file in secrets.iterdir() if file.is_file()} == before
    assert (installation / ".env").read_text().count("PROVEN_UID=") == 1


def test_the_containers_run_as_the_owner_of_the_secrets_and_never_as_root(installation: pathlib.Path) -> None:
    owner = (installation / "docker/secrets/fernet_key").stat().st_uid
    assert (installation / ".env").read_text() == f"PROVEN_UID={owner}\n"
    assert owner == (os.getuid() or 50000)


def test_docker_itself_reads_the_file(installation: pathlib.Path) -> None:
    compose = ["docker", "compose"]
    if not shutil.which("docker") or subprocess.run([*compose, "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed here; the tests above read the file as YAML")
    argv = [*compose, "--project-directory", str(installation), "--file", str(ROOT / "docker-compose.yaml")]
    subprocess.run([*argv, "--profile", "demo", "config", "--quiet"], check=True, env=os.environ | {"PROVEN_UID": "50000"})


def test_the_settings_read_files_with_a_plain_cat() -> None:
    commands = [value for key, value in COMPOSE["x-environment"].items() if key.endswith("_CMD")]
    assert len(commands) == 4
    assert all(shlex.split(command)[0] == "cat" and len(shlex.split(command)) == 2 for command in commands)
