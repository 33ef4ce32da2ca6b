"""How many exports are made at once, across threads, processes and readers who never come back."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from shipments.bulk.export_slots import MOST_AT_ONCE, MOST_OF_A_PERSON, Held, NoSlot, Slot
from shipments.management.commands.up import WEB_THREADS

pytestmark = pytest.mark.django_db

ANA, BEN, CLEO = 1, 2, 3


@pytest.fixture
def held() -> Iterator[list[Slot]]:
    slots: list[Slot] = []
    yield slots
    for slot in slots:
        slot.close()


def refusal(user_id: int) -> NoSlot:
    with pytest.raises(NoSlot) as refused:
        Slot(user_id)
    return refused.value


def free_within(user_id: int, seconds: float) -> bool:
    """Whether a slot becomes free: the server ends a session a moment after its other end is gone."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            Slot(user_id).close()
        except NoSlot:
            time.sleep(0.02)
        else:
            return True
    return False


def test_one_thread_of_a_process_is_left_to_pages_whoever_exports() -> None:
    assert MOST_OF_A_PERSON < MOST_AT_ONCE < WEB_THREADS


def test_a_person_has_two_and_the_rest_are_for_others(held: list[Slot]) -> None:
    held += [Slot(ANA), Slot(ANA)]

    assert refusal(ANA).is_own_doing is True
    held.append(Slot(BEN))
    assert refusal(BEN).is_own_doing is False
    assert refusal(CLEO).is_own_doing is False


def test_who_was_refused_holds_nothing(held: list[Slot]) -> None:
    held += [Slot(ANA), Slot(ANA), Slot(BEN)]
    refusal(BEN)
    held[0].close()

    # Had the refusal kept one of Ben's two, this one would be refused.
    held.append(Slot(BEN))
    assert refusal(BEN).is_own_doing is True


def test_a_slot_closed_twice_frees_one(held: list[Slot]) -> None:
    held += [Slot(ANA), Slot(BEN), Slot(CLEO)]
    held[0].close()
    held[0].close()

    held.append(Slot(BEN))
    assert refusal(ANA).is_own_doing is False


def test_many_threads_at_once_get_no_more_than_there_are(held: list[Slot]) -> None:
    together = threading.Barrier(12)

    def ask(n: int) -> str:
        together.wait(60)
        try:
            held.append(Slot(n % 6))
        except NoSlot:
            return "refused"
        return "taken"

    with ThreadPoolExecutor(12) as threads:
        told = list(threads.map(ask, range(12)))

    assert told.count("taken") == len(held) == MOST_AT_ONCE


def test_a_killed_process_gives_its_slots_back(held: list[Slot]) -> None:
    held += [Slot(BEN)]
    script = f"""
import sys, time, django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from shipments.bulk.export_slots import Slot
mine = [Slot({ANA}), Slot({ANA})]
print("taken", flush=True)
time.sleep(300)
"""
    other = subprocess.Popen(
        [sys.executable, "-c", script, connection.settings_dict["NAME"]],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"taken\n"
        assert refusal(ANA).is_own_doing is True
        assert refusal(CLEO).is_own_doing is False
    finally:
        other.kill()
        other.communicate()

    assert free_within(ANA, 60)
    assert free_within(CLEO, 60)


@pytest.mark.parametrize("how", ["read to its end", "fails", "closed before", "closed unread"])
def test_a_file_gives_its_slot_back_when_it_ends_in_any_way(held: list[Slot], how: str) -> None:
    ended = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b"1"
            if how == "fails":
                raise OSError("the database went away")
            yield b"2"
        finally:
            ended.append(True)

    held += [Slot(ANA), Slot(ANA)]
    file = Held(pieces(), held[0])
    match how:
        case "read to its end":
            assert list(file) == [b"1", b"2"]
        case "fails":
            with pytest.raises(OSError, match="went away"):
                list(file)
        case "closed before":
            assert next(file) == b"1"
            assert refusal(ANA).is_own_doing is True
            file.close()
        case _:
            file.close()

    assert ended == ([] if how == "closed unread" else [True])
    assert free_within(ANA, 60)
