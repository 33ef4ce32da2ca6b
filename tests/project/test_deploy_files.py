"""What a server is set up by (units, image, compose file, proxies) names only files, commands and settings that exist."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from shipments.bulk.export_slots import MOST_AT_ONCE
from shipments.bulk.reading import MOST_BYTES
from shipments.key_ring import fingerprint
from shipments.management.commands.up import WEB_THREADS
from trackingsite.logs import without_secrets

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()
UNITS = {file.name: file.read_text() for file in DEPLOY.glob("*.service")}
WRAPPER = (DEPLOY / "tracker").read_text()
GUIDE = (ROOT / "docs" / "deploy.md").read_text()
SETTINGS = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
# Variables of other programs: the interpreter, the shell, the image of PostgreSQL, its clients.
OTHERS = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "HOME", "PYTHON", "DEBIAN", "PGOPTIONS"}
# What the guide writes like a variable.
NO_VARIABLES = {"SAFE_BECAUSE"}


def plain(name: str) -> str:
    return name.removesuffix("_FILE")


def test_what_the_image_copies_exists_and_nothing_else_enters_its_build():
    first_stage = DOCKERFILE.split("\nFROM ")[1]
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", first_stage, re.MULTILINE)
        for word in line.split()
    }
    assert all((ROOT / each).exists() for each in copied)
    let_in = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(let_in) == copied
    assert {"manage.py", "trackingsite", "shipments", "templates", "static", "pyproject.toml"} <= copied


def test_the_image_installs_by_hash_and_keeps_no_key():
    installs = [line for line in DOCKERFILE.splitlines() if " install " in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line and "--no-cache" in line for line in installs)
    # What a layer has is everybody's who has the image. Only the step that needs no real key names one.
    assert re.findall(r"(?:SECRET_KEY|CREDENTIAL_KEYS|PASSWORD|TOKEN)\w*=(\S+)", DOCKERFILE) == [
        "unused",
        "unused",
    ]
    assert re.search(r"^USER 10001:0$", DOCKERFILE, re.MULTILINE)


def test_static_files_are_collected_without_making_a_key(tmp_path: Path):
    """The step of the image that would leave keys in it, run as it stands there."""
    step = re.search(r"RUN (SECRET_KEY=.+?)\n\n", DOCKERFILE, re.DOTALL)
    assert step
    words = step[1].replace("\\\n", " ").replace("/opt/data", str(tmp_path)).split()
    env = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    command = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    assert command[0] == "/opt/venv/bin/python"
    subprocess.run(
        [sys.executable, *command[1:]],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        check=True,
        timeout=120,
    )
    assert [each.name for each in tmp_path.iterdir()] == ["static"]


def test_every_setting_that_is_given_exists():
    given = set(re.findall(r"^\s+([A-Z_]+): ", COMPOSE, re.MULTILINE))
    given -= {name for name in given if name.startswith("POSTGRES_")}
    given |= set(re.findall(r"^(?:ENV|ARG)? *([A-Z_]+)=", DOCKERFILE, re.MULTILINE))
    given |= set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "trackingsite.env").read_text(), re.MULTILINE))
    for words in (*UNITS.values(), WRAPPER):
        given |= set(re.findall(r"(?:^Environment=|^export )([A-Z_]+)=", words, re.MULTILINE))
    assert {plain(name) for name in given} - OTHERS <= SETTINGS
    # Each variable that stands in a sentence of the guide, too.
    told = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`", GUIDE))
    assert {plain(name) for name in told} - OTHERS - NO_VARIABLES <= SETTINGS


def test_secrets_come_from_files_that_are_declared():
    named = set(re.findall(r"/run/secrets/(\w+)", COMPOSE))
    declared = set(re.findall(r"^  (\w+): \{file: \./secrets/\1\}$", COMPOSE, re.MULTILINE))
    listed = {
        name
        for line in re.findall(r"secrets: \[(.+)\]", COMPOSE)
        for name in line.replace(" ", "").split(",")
    }
    assert named <= listed == declared
    ours = declared - {"postgres_password", "database_password"}
    for unit in UNITS.values():
        assert set(re.findall(r"_FILE=%d/(\w+)", unit)) == ours
        assert set(re.findall(r"^LoadCredential=(\w+):/etc/trackingsite/\1$", unit, re.MULTILINE)) == ours
    assert set(re.findall(r"LoadCredential=(\w+):\$etc/\1 ", WRAPPER)) == ours
    assert set(re.findall(r"_FILE=\"\$CREDENTIALS_DIRECTORY/(\w+)\"", WRAPPER)) == ours
    for name in declared:
        assert name in GUIDE


def test_every_command_that_is_run_exists_with_its_options():
    known = get_commands()
    image = re.sub(r"^COPY .+$", "", DOCKERFILE, flags=re.MULTILINE)
    asked = [
        line
        for words in (*UNITS.values(), re.sub(r'[\[\],"]', " ", COMPOSE), image, GUIDE)
        for line in re.findall(r"(?:manage\.py|sudo tracker) +([a-z_]+(?: [^\n`&|#]*)?)", words)
    ]
    assert len(asked) > 15
    for line in asked:
        name, *options = line.split()
        assert name in known, line
        command = load_command_class(known[name], name)
        offered = set(command.create_parser("manage.py", name)._option_string_actions)
        assert {
            word.split("=")[0] for word in options if re.fullmatch(r"--[a-z-]+(=.*)?", word)
        } <= offered, line


def test_the_web_server_leaves_a_thread_to_pages_while_exports_are_made():
    starts = [
        re.sub(r'[",\\\n]+ *', " ", words) for words in (DOCKERFILE, UNITS["trackingsite-web@.service"])
    ]
    for words in starts:
        granian = re.search(r"granian +--interface.+trackingsite\.wsgi:application", words)
        assert granian
        threads = re.search(r"--blocking-threads +(\d+)", granian[0])
        assert threads
        assert int(threads[1]) == WEB_THREADS > MOST_AT_ONCE


def test_the_installed_web_server_has_the_options_it_is_started_with():
    said = subprocess.run(
        [sys.executable, "-m", "granian", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    for option in re.findall(
        r"--[a-z-]+", UNITS["trackingsite-web@.service"].split("ExecStart=")[1].split("\n")[0]
    ):
        assert option in said


@pytest.mark.parametrize(
    "path",
    ["/t/abc", "/mail/confirm/abc", "/mail/stop/abc", "/join/abc", "/m/alpine/t/abc", "/m/alpine/mail/stop/abc",
     "/accounts/password/reset/key/abc/", "/accounts/confirm-email/abc/"],
)  # fmt: skip
def test_proxies_log_no_address_that_we_take_the_token_out_of(path: str):
    assert without_secrets(path) != path
    nginx = (DEPLOY / "nginx.conf").read_text()
    unlogged = re.findall(r"^    ~(\S+) +0;$", nginx, re.MULTILINE)
    assert len(unlogged) == 2
    assert any(re.search(pattern, path) for pattern in unlogged)
    opens = re.search(r"@opens path_regexp (\S+)", (DEPLOY / "Caddyfile").read_text())
    assert opens
    assert re.search(opens[1], path)


@pytest.mark.parametrize(
    "path", ["/track/9400111899223197428490", "/app/alpine/shipments/", "/m/alpine/track"]
)
def test_proxies_log_the_other_addresses(path: str):
    nginx = (DEPLOY / "nginx.conf").read_text()
    patterns = re.findall(r"^    ~(\S+) +0;$", nginx, re.MULTILINE)
    patterns += re.findall(r"@opens path_regexp (\S+)", (DEPLOY / "Caddyfile").read_text())
    assert len(patterns) == 3
    assert not any(re.search(pattern, path) for pattern in patterns)


def test_proxies_let_the_largest_import_through():
    megabytes = MOST_BYTES // (1024 * 1024)
    for file, pattern in (
        ("nginx.conf", r"client_max_body_size (\d+)m;"),
        ("Caddyfile", r"max_size (\d+)MB"),
    ):
        limit = re.search(pattern, (DEPLOY / file).read_text())
        assert limit
        assert int(limit[1]) > megabytes


def test_proxies_keep_the_three_rules():
    nginx, caddy = (DEPLOY / "nginx.conf").read_text(), (DEPLOY / "Caddyfile").read_text()
    assert "proxy_set_header Host $http_host;" in nginx
    assert not re.search(r"^\s*underscores_in_headers", nginx, re.MULTILINE)
    assert "request_header -*_*" in caddy
    assert "header_up Host" not in caddy


def test_the_wrapper_runs_a_command_with_the_settings_and_keys_of_the_services(tmp_path: Path):
    """With a stand-in for systemd-run: what is run with the credentials, and with which options, is seen."""
    stand_in = tmp_path / "systemd-run"
    stand_in.write_text(
        '#!/bin/sh\nwhile [ "$1" != -- ]; do echo "$1" >> "$TOLD"; shift; done; shift\n'
        'TRACKINGSITE_PRODUCTION=1 ALLOWED_HOSTS=tracker.example exec "$@"\n'
    )
    stand_in.chmod(0o755)
    for name, secret in {
        "secret_key": "made-up-for-the-test-0123456789-abcdefghijklmnopqrstuvwxyz",
        "credential_keys": "bWFkZS11cC1mb3ItdGhlLWNoZWNrLTMyLWJ5dGVzLi4=",
        "database_url": "postgresql://tracker:made-up@db.example/tracker",
        "email_host_password": "made-up",
        "metrics_token": "made-up-for-the-test-0123456789-abcdef",
    }.items():
        (tmp_path / name).write_text(f"{secret}\n")
    known_by = fingerprint((tmp_path / "credential_keys").read_text().strip())
    wrapper = tmp_path / "tracker"
    interpreter = WRAPPER.replace("/opt/trackingsite/.venv/bin/python", sys.executable)
    wrapper.write_text(interpreter.replace("/opt/trackingsite/manage.py", str(ROOT / "manage.py")))
    done = subprocess.run(
        ["/bin/sh", str(wrapper), "rotate_credential_keys", "--check"],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "CREDENTIALS_DIRECTORY": str(tmp_path),
            "TOLD": str(tmp_path / "told"),
            "TRACKINGSITE_DATA": str(tmp_path / "data"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # The database is made up, too.
    assert f"On the ring, the newest first: {known_by}." in done.stderr
    assert "--property=EnvironmentFile=/etc/trackingsite/trackingsite.env" in (tmp_path / "told").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="There is no systemd here.")
@pytest.mark.parametrize("unit", sorted(file.name for file in DEPLOY.glob("*.service")))
def test_systemd_can_read_the_units(unit: str):
    said = subprocess.run(
        ["systemd-analyze", "verify", str(DEPLOY / unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    complaints = [
        line for line in (said.stdout + said.stderr).splitlines() if line.startswith("trackingsite")
    ]
    # The tracker is not installed on the machine that tests.
    assert all(
        "/opt/trackingsite/.venv/bin/" in line and "is not executable" in line for line in complaints
    ), complaints


def test_every_file_for_a_server_is_told_of():
    for file in (*DEPLOY.iterdir(), ROOT / "Dockerfile", ROOT / "compose.yaml"):
        assert file.name in GUIDE, file.name
