"""Who works in the back-office, and what it is there for."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from shipments.models import Heartbeat, User
from tests.factories import a_person


@pytest.fixture
def operator(signed_in: Callable[[User], Client]) -> Client:
    """A browser in which somebody is signed in who may do everything."""
    return signed_in(a_person("operator@example.com", is_staff=True, is_superuser=True))


@pytest.fixture
def alive() -> None:
    """A worker that beats."""
    Heartbeat.objects.create(name="host-1/aaaa", at=timezone.now())
