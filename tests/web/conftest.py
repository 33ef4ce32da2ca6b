"""Browsers in which people of the merchant are signed in."""

from collections.abc import Callable

import pytest
from django.test import Client

from shipments.models import User


@pytest.fixture
def manager(mary: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(mary)


@pytest.fixture
def viewer(bob: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(bob)
