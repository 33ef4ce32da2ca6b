"""What a process in production refuses, started for real; and that what it starts with is safe."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shipments.checks import the_site_is_reached_as_it_says
from tests.project.test_settings import PRODUCTION, ROOT

pytestmark = pytest.mark.slow

# Set in production, this much of a deployment's environment passes every check.
DEPLOYED = {
    **PRODUCTION,
    "TRUSTED_PROXIES": "1",
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQ",
}
WEB = ["-c", "from trackingsite.wsgi import application; print('serving')"]


def started(tmp_path: Path, *arguments: str, **over: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "TRACKINGSITE_DATA": str(tmp_path / "data"),
            "DJANGO_SETTINGS_MODULE": "trackingsite.settings",
            **DEPLOYED,
            **over,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_web_process_starts_with_everything_set(tmp_path: Path) -> None:
    done = started(tmp_path, *WEB)
    assert (done.returncode, done.stdout) == (0, "serving\n"), done.stderr


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_web_server_searches_what_it_has_loaded_for_cycles_no_more(tmp_path: Path, interface: str) -> None:
    done = started(
        tmp_path,
        "-c",
        f"import gc, sys; from trackingsite.{interface} import application; kept = gc.get_freeze_count();"
        " found = len(gc.get_objects()); print('shipments.web.parcel_page' in sys.modules, found < kept // 20)",
    )
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"DATABASE_URL": ""}, "TRACKINGSITE_EMBEDDED_DATABASE=1 to use the embedded one on purpose"),
        ({"TRACKINGSITE_ALLOW_PRIVATE_HOSTS": "1"}, "Unset one of them."),
        ({"DEBUG": "1"}, "Unset one of them."),
        ({"TRACKINGSITE_STAFF_SECOND_FACTOR": "0"}, "Unset one of them."),
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set. Set it, or SECRET_KEY_FILE"),
    ],
)
@pytest.mark.parametrize("program", [WEB, ["manage.py", "worker"]], ids=["web", "worker"])
def test_no_process_starts_unsafely_and_each_says_what_to_do(
    tmp_path: Path, program: list[str], over: dict[str, str], says: str
) -> None:
    done = started(tmp_path, *program, **over)

    assert done.returncode != 0
    assert "serving" not in done.stdout
    assert says in " ".join(done.stderr.split())
    assert not (tmp_path / "data").exists()


def test_the_embedded_database_is_used_in_production_when_it_is_asked_for_by_name(tmp_path: Path) -> None:
    done = started(tmp_path, *WEB, DATABASE_URL="", TRACKINGSITE_EMBEDDED_DATABASE="1")
    assert (done.returncode, done.stdout) == (0, "serving\n"), done.stderr


def test_the_demo_is_refused_in_production_unless_asked_for_by_name(tmp_path: Path) -> None:
    done = started(tmp_path, "manage.py", "demo", "--simulator-url", "https://simulator.example")
    assert done.returncode == 1
    assert "say --in-production" in done.stderr


def test_the_demo_in_production_asks_no_address_inside_the_network(tmp_path: Path) -> None:
    done = started(
        tmp_path, "manage.py", "demo", "--in-production", "--simulator-url", "http://127.0.0.1:8901"
    )
    assert done.returncode == 2
    assert "simulator url:" in done.stderr


def test_a_deployment_passes_every_check(tmp_path: Path) -> None:
    done = started(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_cookies_of_production_belong_to_the_host_alone_and_go_over_https(tmp_path: Path) -> None:
    names = [
        f"{cookie}_COOKIE_{what}"
        for cookie in ("SESSION", "CSRF", "LANGUAGE")
        for what in ("SECURE", "HTTPONLY", "SAMESITE", "NAME")
    ]
    done = started(
        tmp_path,
        "-c",
        f"import json, trackingsite.settings as s; print(json.dumps({{n: getattr(s, n, None) for n in {names!r}}}))",
    )
    found = json.loads(done.stdout)
    assert {name: value for name, value in found.items() if name.endswith("NAME")} == {
        "SESSION_COOKIE_NAME": "__Host-sessionid",
        "CSRF_COOKIE_NAME": "__Host-csrftoken",
        "LANGUAGE_COOKIE_NAME": None,
    }
    assert {value for name, value in found.items() if name.endswith(("SECURE", "HTTPONLY"))} == {True}
    assert {value for name, value in found.items() if name.endswith("SAMESITE")} == {"Lax"}


@pytest.mark.parametrize(
    ("over", "found"),
    [
        ({}, []),
        ({"SITE_URL": "http://tracker.example"}, ["shipments.E005"]),
        ({"TRUSTED_PROXIES": 0}, ["shipments.W001"]),
        ({"ALLOWED_HOSTS": ["tracker.example", "*"]}, ["shipments.E006"]),
        ({"CSRF_TRUSTED_ORIGINS": ["http://tracker.example"]}, ["shipments.E007"]),
    ],
)
def test_what_a_site_is_not_told_about_its_proxy_and_name_is_named(settings, over, found) -> None:
    safe = {
        "SITE_URL": "https://tracker.example",
        "TRUSTED_PROXIES": 1,
        "SECURE_SSL_REDIRECT": True,
        "ALLOWED_HOSTS": ["tracker.example"],
        "CSRF_TRUSTED_ORIGINS": ["https://tracker.example"],
    }
    for name, value in {**safe, **over}.items():
        setattr(settings, name, value)
    assert [each.id for each in the_site_is_reached_as_it_says(None)] == found
