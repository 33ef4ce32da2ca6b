"""The back-office's site: its groups, and that nothing but ours is in it."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from shipments.models import User
from tests.factories import a_person
from trackingsite.back_office import GROUPS, BackOffice


def test_the_site_is_ours_and_every_model_stands_in_one_group() -> None:
    assert isinstance(admin.site, BackOffice)
    placed = [name for _key, _heading, names in GROUPS for name in names]
    assert sorted(placed) == sorted(model.__name__ for model in admin.site._registry)


@pytest.mark.django_db
def test_the_index_shows_groups_in_their_order_and_only_what_a_person_may_open(
    signed_in: Callable[[User], Client],
) -> None:
    operator = signed_in(a_person("operator@example.com", is_staff=True, is_superuser=True))
    index = operator.get(reverse("admin:index"))

    assert [group["key"] for group in index.context["app_list"]] == [key for key, _heading, _names in GROUPS]
    clerk = signed_in(a_person("clerk@example.com", is_staff=True))
    assert clerk.get(reverse("admin:index")).context["app_list"] == []
