"""The log: what a line is about, how programs read it, and what it never holds."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import IntegrityError, transaction
from django.test import Client
from django_q.signals import pre_execute

from shipments import tasks
from shipments.management.commands.worker import Command
from shipments.models import Merchant, User
from shipments.refresh import runner
from tests.factories import a_person, an_account
from trackingsite import logs
from trackingsite.logs import JsonLine, Line, WithoutTokens

TOKEN = "Zm9yIHRlc3RzIG9ubHk"
BATCH = "6f1c3f7e-8f6b-4a52-9b0c-0d6d8c2a1f00"
logger = logging.getLogger("shipments.tests")


@pytest.fixture(autouse=True)
def _about_nothing() -> Iterator[None]:
    """What a test has begun ends with it."""
    logs.begin()
    yield
    logs.begin()


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What is logged meanwhile, as programs read it, or as the test's parameter says."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(getattr(request, "param", JsonLine)())
    handler.addFilter(WithoutTokens())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def fail(words: str) -> None:
    raise ValueError(words)


# ---- What a line looks like ------------------------------------------------------------------------------------------


def test_a_line_is_one_json_object_with_the_time_in_utc(written: io.StringIO) -> None:
    record = logging.LogRecord("a.b", logging.WARNING, "f", 1, "%d of %d\nanswered – é", (1, 2), None)
    record.created = 1772798400.1234

    assert json.loads(JsonLine().format(record)) == {
        "at": "2026-03-06T12:00:00.123Z",
        "level": "WARNING",
        "logger": "a.b",
        "message": "1 of 2\nanswered – é",
    }
    assert "\n" not in JsonLine().format(record)


@pytest.mark.parametrize("written", [Line], indirect=True)
def test_people_read_what_a_line_is_about_at_its_end(written: io.StringIO) -> None:
    logger.warning("Nothing.")
    with logs.about(account=3, batch=BATCH):
        logger.warning("Slow.")

    nothing, slow = written.getvalue().splitlines()
    assert nothing.endswith(" WARNING shipments.tests: Nothing.")
    assert slow.endswith(f" WARNING shipments.tests: Slow. [account=3 batch={BATCH}]")


def test_an_exception_is_one_field(written: io.StringIO) -> None:
    try:
        fail("odd")
    except ValueError:
        logger.exception("It failed.")

    (line,) = lines(written)
    assert line["message"] == "It failed."
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ValueError: odd")


# ---- What it is about ------------------------------------------------------------------------------------------------


def test_what_is_said_within_is_over_afterwards(written: io.StringIO) -> None:
    with logs.about(account=1):
        with suppress(ValueError), logs.about(batch=BATCH):
            logger.info("both")
            fail("odd")
        logger.info("one")
    logger.info("none")

    assert [(line["message"], line.get("account"), line.get("batch")) for line in lines(written)] == [
        ("both", "1", BATCH),
        ("one", "1", None),
        ("none", None, None),
    ]


def test_a_subject_cannot_be_called_like_what_every_line_has() -> None:
    with pytest.raises(ValueError, match="A line has level already"), logs.about(level="x"):
        pass


def test_what_runs_at_the_same_time_is_not_mixed_up(written: io.StringIO) -> None:
    def in_a_thread() -> None:
        logger.info("thread")

    async def batch(number: int) -> None:
        with logs.about(batch=number):
            await asyncio.sleep(0)
            logger.info("client")
            await sync_to_async(in_a_thread)()

    async def both() -> None:
        await asyncio.gather(batch(1), batch(2))

    with logs.about(account=7):
        async_to_sync(both)()

    assert sorted((line["message"], line["account"], line["batch"]) for line in lines(written)) == [
        ("client", "7", "1"),
        ("client", "7", "2"),
        ("thread", "7", "1"),
        ("thread", "7", "2"),
    ]


@pytest.mark.django_db
def test_every_line_of_a_batch_names_its_task_its_account_and_the_batch(
    written: io.StringIO, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = an_account(merchant)

    def asks(*_args: object) -> list[Any]:
        logging.getLogger("shipments.carriers.http").warning("The carrier is slow.")
        return []

    monkeypatch.setattr(runner, "refresh_leased", asks)
    # As a worker of django-q2 does, whatever the task's own name is.
    pre_execute.send(sender="django_q", func=tasks.refresh_leased, task={"name": "lactose-nine"})
    tasks.refresh_leased(account.pk, BATCH, 1, 2)
    logger.info("Afterwards.")
    pre_execute.send(sender="django_q", func=tasks.sweep, task={"name": "sweep"})
    logger.info("Next.")

    slow, afterwards, following = lines(written)
    assert (slow["task"], slow["account"], slow["batch"]) == ("refresh_leased", str(account.pk), BATCH)
    assert (afterwards["task"], "batch" in afterwards) == ("refresh_leased", False)
    assert following["task"] == "sweep"


@pytest.mark.django_db
def test_the_lines_of_a_request_have_the_id_of_its_response(written: io.StringIO, client: Client) -> None:
    first = client.get("/no-such-page", headers={"X-Request-ID": "a visitor's words"})
    second = client.get("/no-such-page?who=alice@example.com")

    (one, two) = lines(written)
    assert one["message"] == two["message"] == "Not Found: /no-such-page"
    assert (one["request"], two["request"]) == (first.headers["X-Request-ID"], second.headers["X-Request-ID"])
    assert one["request"] != two["request"]
    assert len(one["request"]) == 16
    assert "alice" not in written.getvalue()


def test_the_supervisor_says_in_the_log_what_it_says_where_programs_read_it(
    written: io.StringIO, settings: Any
) -> None:
    to_people = io.StringIO()
    command = Command(stderr=to_people)
    command.say("The cluster ended.")
    settings.LOG_FORMAT = "json"
    command.say("It is started again.")

    assert to_people.getvalue() == "The cluster ended.\n"
    assert [line["message"] for line in lines(written)] == ["It is started again."]


# ---- What it never holds ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [JsonLine, Line], indirect=True)
@pytest.mark.parametrize(
    "words",
    [
        f"Not Found: /t/{TOKEN}",
        f"Not Found: /mail/stop/{TOKEN}/",
        f"https://tracker.example/join/{TOKEN}?next=x",
        f"/accounts/password/reset/key/{TOKEN}/",
        f"Authorization: Bearer {TOKEN}",
        f"{{'authorization': 'bearer {TOKEN}'}}",
    ],
)
def test_nothing_that_opens_something_is_written(written: io.StringIO, words: str) -> None:
    logger.warning("%s", words)
    with logs.about(page=words):
        logger.warning("about")
    try:
        fail(words)
    except ValueError:
        logger.exception("It failed.")

    said = written.getvalue()
    assert TOKEN not in said
    assert said.count("…") == 3


@pytest.mark.django_db
def test_the_rows_that_a_database_names_in_an_error_are_not_written(written: io.StringIO) -> None:
    a_person("olive@example.com", name="Olive Owner")
    twice = User(email="olive@example.com", name="Olive\n\nOwner")
    nameless = User(email="second@example.com")
    nameless.name = None  # type: ignore[assignment]
    for one in (twice, nameless):
        try:
            with transaction.atomic():
                User.objects.bulk_create([one])
        except IntegrityError as exc:
            logger.exception("It failed: %s", exc)

    text = written.getvalue().replace("\\n", "\n")
    for said in ("example.com", "Olive", "Owner"):
        assert said not in text
    assert text.count("DETAIL: …") == 6
    # What went wrong, and where, is.
    assert "duplicate key value violates unique constraint" in text
    assert "The above exception was the direct cause of the following exception" in text
    assert "test_logs.py" in text
