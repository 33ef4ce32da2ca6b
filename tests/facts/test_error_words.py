"""What of an exception may be shown."""

import pytest

from shipments.facts.error_words import last_words, place_of


def told(*lines: str) -> str:
    return "\n".join(
        [
            "message : Traceback (most recent call last):",
            '  File "/srv/.venv/lib/django_q/worker.py", line 104, in worker',
            "    res = f()",
            '  File "/srv/shipments/outbound/mail.py", line 210, in send',
            "    self.open()",
            *lines,
            "",
        ]
    )


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        ("ValueError", "ValueError"),
        ("ValueError: no", "ValueError: no"),
        ("django.db.utils.OperationalError: connection failed", "OperationalError: connection failed"),
        ("KeyError: 'Ada Sample'", "KeyError: '•••'"),
        ('ValueError: bad "Ada"', 'ValueError: bad "•••"'),
        (
            'ProgrammingError: relation "shipments_watch" does not exist',
            'ProgrammingError: relation "shipments_watch" does not exist',
        ),
        (
            "ModuleNotFoundError: No module named 'shipments.gone'",
            "ModuleNotFoundError: No module named 'shipments.gone'",
        ),
        ("SMTPError: <ada@example.com> unknown", "SMTPError: <•••> unknown"),
        ("ValueError: 9400100000000000000000 is no number", "ValueError: ••• is no number"),
        (
            "HTTPError: 500 for https://user:pw@api.example/t/se-cret?key=1",
            "HTTPError: 500 for api.example/…",
        ),
        ("HTTPError: 500 for https://api.example/t/se-cret?key=1", "HTTPError: 500 for api.example/…"),
        ("IntegrityError: Key (email)=(ada@example.com) exists", "IntegrityError: Key (email)=(•••) exists"),
        ("ValueError: token eyJhbGciOi1.abc", "ValueError: token •••.abc"),
        ("TimeoutException: Timed out after 150 seconds", "TimeoutException: Timed out after 150 seconds"),
    ],
)
def test_values_are_hidden_and_what_is_broken_is_not(raised: str, shown: str) -> None:
    assert last_words(told(raised)) == shown


def test_the_details_that_a_database_adds_are_left_out() -> None:
    words = told(
        'IntegrityError: duplicate key value violates unique constraint "mail_key_once"',
        "DETAIL:  Key (email)=(ada@example.com) already exists.",
    )
    assert (
        last_words(words) == 'IntegrityError: duplicate key value violates unique constraint "mail_key_once"'
    )


def test_of_several_exceptions_the_last_one_counts() -> None:
    words = told(
        "KeyError: 'a'", "", "During handling of the above exception, another exception occurred:", ""
    ) + told("RuntimeError: after that")
    assert last_words(words) == "RuntimeError: after that"


def test_long_words_are_cut() -> None:
    shown = last_words(told("ValueError: " + "no " * 200))
    assert len(shown) == 200
    assert shown.endswith("…")


@pytest.mark.parametrize("words", ["", "Task was killed", "no: traceback", "Ada: hello"])
def test_what_is_no_traceback_is_not_shown(words: str) -> None:
    assert last_words(words) == ""
    assert place_of(words) == ""


def test_the_place_is_the_last_one_in_our_code() -> None:
    assert place_of(told("ValueError")) == "shipments/outbound/mail.py:210"
