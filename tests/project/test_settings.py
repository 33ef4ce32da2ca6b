"""Settings: each is documented, and unsafe ones are refused."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from shipments.checks import credential_keys_are_usable, production_stands_alone, the_metrics_token_is_usable
from trackingsite.database_url import database_from_url
from trackingsite.keys import kept_secret

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "TRACKINGSITE_PRODUCTION": "1",
    "SECRET_KEY": "x" * 50,
    "CREDENTIAL_KEYS": Fernet.generate_key().decode(),
    "DATABASE_URL": "postgresql://someone:hidden-word@db.example/tracker",
    "ALLOWED_HOSTS": "tracker.example",
}


# What is read and no setting: it is the system's, the framework's, or handed by our own processes to those they start.
NO_SETTINGS = {
    "PATH": "the system's",
    "DJANGO_SETTINGS_MODULE": "the framework's",
    "QUEUE_CLUSTER": "a supervisor names its cluster",
    "BENCH_CRASH_INSIDE": "a benchmark knows its own installation",
}


def sources() -> Iterator[Path]:
    yield ROOT / "manage.py"
    for package in ("trackingsite", "shipments"):
        yield from (ROOT / package).rglob("*.py")


def read_by(file: Path) -> Iterator[tuple[str, ast.expr | None]]:
    """The variables of the environment that a module reads by name, each with its default as it is written, if any."""
    tree = ast.parse(file.read_text())
    constants = {
        target.id: str(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def name_in(expression: ast.expr) -> str | None:
        if isinstance(expression, ast.Constant):
            return str(expression.value)
        return constants.get(expression.id) if isinstance(expression, ast.Name) else None

    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            name = name_in(node.slice)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            is_ours = called.startswith("env.") and "trackingsite" in ast.unparse(tree)
            if not is_ours and called not in {
                "os.environ.get",
                "os.environ.setdefault",
                "os.getenv",
                "os.environ.pop",
            }:
                continue
            name = name_in(node.args[0])
        else:
            continue
        if name is None or not re.fullmatch("[A-Z][A-Z0-9_]*", name):
            continue
        default = None
        if isinstance(node, ast.Call):
            given = [word.value for word in node.keywords if word.arg == "default"]
            default = given[0] if given else None
        yield name, default


def documented() -> dict[str, tuple[str, str]]:
    """What docs/settings.md says of each variable: its meaning and its default."""
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (.+) \| (.+) \|$", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE
    )
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: (meaning, default) for name, meaning, default in rows}


def test_every_variable_that_is_read_is_documented_and_the_other_way_round():
    read = {name for file in sources() for name, _default in read_by(file)}
    assert set(documented()) == read - set(NO_SETTINGS)
    assert set(NO_SETTINGS) <= read


def test_every_default_that_is_documented_is_the_one_in_force():
    """Where the code has it as a plain value; those that depend on others are told in words."""
    spelled = {True: "on", False: "off", "": "none"}
    checked = set()
    for name, default in read_by(ROOT / "trackingsite" / "settings.py"):
        if isinstance(default, ast.Constant):
            value = default.value
            # `in` would take 1 for True.
            words = spelled[value] if isinstance(value, bool) or value == "" else f"`{value}`"
            assert documented()[name][1].startswith(words), name
            checked.add(name)
    assert {"QUEUE_WORKERS", "LOG_LEVEL", "EMAIL_PORT", "TRACKINGSITE_DB_PREPARE", "DEBUG"} <= checked


def test_a_variable_read_in_any_way_is_noticed(tmp_path: Path):
    file = tmp_path / "reading.py"
    file.write_text(
        "from trackingsite import env\nimport os\nNAMED = 'BY_CONSTANT'\n"
        "env.number('BY_TYPE', default=4)\nos.environ.get(NAMED)\nos.environ['BY_INDEX']\nos.getenv('BY_GETENV')\n"
    )
    assert {name for name, _default in read_by(file)} == {"BY_TYPE", "BY_CONSTANT", "BY_INDEX", "BY_GETENV"}


def settings_with(
    tmp_path: Path, show: str = "SECURE_SSL_REDIRECT", **variables: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", f"from trackingsite import settings; print(settings.{show})"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TRACKINGSITE_DATA": str(tmp_path / "data"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_starts_with_everything_set_and_makes_no_secret(tmp_path: Path):
    done = settings_with(tmp_path, **PRODUCTION)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set. Set it, or SECRET_KEY_FILE to a file that holds it."),
        ({"CREDENTIAL_KEYS": ""}, "CREDENTIAL_KEYS is not set."),
        ({"DATABASE_URL": ""}, "Production needs DATABASE_URL"),
        ({"ALLOWED_HOSTS": ".tracker.example"}, "Production needs SITE_URL, or a host name in ALLOWED_HOSTS"),
        ({"SITE_URL": "tracker.example"}, "SITE_URL must be the address of a site without a path"),
        (
            {"EMAIL_USE_TLS": "1", "EMAIL_USE_SSL": "1"},
            "Set EMAIL_USE_TLS (STARTTLS, mostly port 587) or EMAIL_USE_SSL (mostly port 465), not both.",
        ),
        ({"TRACKINGSITE_LOG_FORMAT": "xml"}, "TRACKINGSITE_LOG_FORMAT must be one of text, json."),
        ({"DEBUG": "1"}, "DEBUG is refused with TRACKINGSITE_PRODUCTION"),
        (
            {"TRACKINGSITE_ALLOW_PRIVATE_HOSTS": "1"},
            "TRACKINGSITE_ALLOW_PRIVATE_HOSTS is refused with TRACKINGSITE_PRODUCTION",
        ),
        (
            {"TRACKINGSITE_STAFF_SECOND_FACTOR": "0"},
            "TRACKINGSITE_STAFF_SECOND_FACTOR cannot be switched off with TRACKINGSITE_PRODUCTION",
        ),
        (
            {"DATABASE_URL": "mysql://someone:hidden-word@db.example/tracker"},
            "other databases are not supported",
        ),
    ],
)
def test_production_refuses_to_start_unsafely_and_says_why(tmp_path: Path, over, says):
    done = settings_with(tmp_path, **{**PRODUCTION, **over})
    assert done.returncode == 1
    assert says in done.stderr
    assert "hidden-word" not in done.stderr


def test_a_command_says_in_one_line_which_setting_is_wrong(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "TRACKINGSITE_DATA": str(tmp_path),
            **PRODUCTION,
            "QUEUE_WORKERS": "many",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "It cannot start: QUEUE_WORKERS must be a whole number.\n")


@pytest.mark.parametrize(
    ("variables", "site"),
    [
        (PRODUCTION, "https://tracker.example"),
        ({**PRODUCTION, "ALLOWED_HOSTS": "*,.b.example,a.example,c.example"}, "https://a.example"),
        ({**PRODUCTION, "SITE_URL": "https://parcels.example:8443/"}, "https://parcels.example:8443"),
        ({}, "http://localhost:8000"),
    ],
)
def test_mails_lead_to_the_site(tmp_path: Path, variables: dict[str, str], site: str):
    done = settings_with(tmp_path, "SITE_URL", **variables)
    assert (done.returncode, done.stdout) == (0, f"{site}\n"), done.stderr


def test_at_home_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path):
    file = tmp_path / "data" / "key"
    first = kept_secret(file, lambda: "first", allowed=True, name="KEY")
    assert (first, kept_secret(file, lambda: "second", allowed=True, name="KEY")) == ("first", "first")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_a_database_url_becomes_djangos_entry():
    assert database_from_url("postgresql://a%40b:p%2Fw@db.example:5433/track?sslmode=require") == {
        "NAME": "track", "USER": "a@b", "PASSWORD": "p/w", "HOST": "db.example", "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }  # fmt: skip
    assert database_from_url("postgres:///track?host=/run/postgres")["HOST"] == "/run/postgres"


@pytest.mark.parametrize(
    "url", ["sqlite:///x", "postgresql://host:no-port/x", "postgresql://host", "nonsense"]
)
def test_what_is_no_postgresql_address_is_refused_without_showing_it(url):
    with pytest.raises(ImproperlyConfigured) as caught:
        database_from_url(url)
    assert url not in str(caught.value)


@pytest.mark.parametrize("keys", [[], ["too short"], ["Zm9yIHRlc3RzIG9ubHksIDMyIGJ5dGVzIGxvbmcuLi4=", "bad"]])
def test_an_unusable_key_ring_stops_the_start(settings, keys):
    settings.CREDENTIAL_KEYS = keys
    (error,) = credential_keys_are_usable(None)
    assert (error.id, error.is_serious()) == ("shipments.E001", True)


def test_a_usable_key_ring_is_fine(settings):
    assert credential_keys_are_usable(None) == []


def test_deployment_is_checked_for_production_and_private_hosts(settings):
    settings.PRODUCTION, settings.ALLOW_PRIVATE_HOSTS = False, True
    assert [error.id for error in production_stands_alone(None)] == ["shipments.E002", "shipments.E003"]
    settings.PRODUCTION, settings.ALLOW_PRIVATE_HOSTS = True, False
    assert production_stands_alone(None) == []


def test_what_is_logged_is_logged_without_tokens(tmp_path: Path) -> None:
    shown = settings_with(tmp_path, "LOGGING['handlers']['stderr']['filters']")
    assert shown.stdout.strip() == "['without_tokens']"


@pytest.mark.parametrize("value", ["", "text", "Text"])
def test_the_log_is_for_people_unless_said_otherwise(tmp_path: Path, value: str) -> None:
    shown = settings_with(
        tmp_path, "LOGGING['handlers']['stderr']['formatter']", TRACKINGSITE_LOG_FORMAT=value
    )
    assert shown.stdout.strip() == "text"


def test_programs_can_read_every_line_of_the_log_the_queues_too(tmp_path: Path) -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import django, logging; django.setup(); import django_q.conf\n"
            "logging.getLogger('django-q').error('Failed %r', 'sweep')\n"
            "logging.getLogger('django.request').warning('Not Found: /t/secret')",
        ],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "TRACKINGSITE_DATA": str(tmp_path / "data"),
            "DJANGO_SETTINGS_MODULE": "trackingsite.settings",
            **PRODUCTION,
            "TRACKINGSITE_LOG_FORMAT": "json",
        },
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(line["level"], line["logger"], line["message"]) for line in lines] == [
        ("ERROR", "django-q", "Failed 'sweep'"),
        ("WARNING", "django.request", "Not Found: /t/…"),
    ]


@pytest.mark.parametrize(
    ("token", "in_production", "is_refused"),
    [
        ("", True, False),
        ("x" * 31, True, True),
        ("x" * 32, True, False),
        ("x", False, False),
        ("x" * 40 + " y", False, True),
        ("é" * 40, False, True),
    ],
)
def test_a_token_for_the_metrics_cannot_be_guessed_and_fits_a_header(
    settings, token, in_production, is_refused
):
    settings.METRICS_TOKEN, settings.PRODUCTION = token, in_production
    assert [error.id for error in the_metrics_token_is_usable(None)] == ["shipments.E004"] * is_refused
