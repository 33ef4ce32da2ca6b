"""Every page of the back-office: few statements, however many rows there are, and none that counts a whole large table."""

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shipments.management.benchmarks.back_office import Page, pages
from shipments.models import User
from tests.admin.everything import furnish, missing
from tests.factories import a_person

pytestmark = pytest.mark.django_db

MOST_STATEMENTS = 20
# Those that grow with the parcels.
LARGE = (
    "shipment", "watch", "scanevent", "answer", "proof", "proofpicture", "statement", "privatelink", "subscription", "mail",
    "auditentry", "alert", "attentionitem", "note", "promisedday", "seenparcel",
)  # fmt: skip
COUNTS_ALL = re.compile(
    rf'SELECT COUNT\([^)]*\)(?: AS "\w+")? FROM "shipments_(?:{"|".join(LARGE)})"(?!.*\bLIMIT\b)',
    re.IGNORECASE,
)


@pytest.fixture
def operator() -> User:
    return a_person("operator@example.com", is_staff=True, is_superuser=True)


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def _opened(client: Client, person: User) -> Iterator[tuple[Page, int, list[str]]]:
    for page in list(pages(admin.site, person)):
        with CaptureQueriesContext(connection) as captured:
            response = page.open(client)
        # Python's word for nothing.
        assert b">None<" not in response.content, page.name
        yield page, response.status_code, [query["sql"] for query in captured.captured_queries]


def test_every_page_opens_with_few_statements_and_counts_no_large_table(operator: User) -> None:
    furnish(2, operator)
    assert missing() == []
    few: dict[str, int] = {}
    for page, status, statements in _opened(_client(operator), operator):
        few[page.name] = len(statements)
        assert (page.name, status) == (page.name, 200)
        assert [(page.name, sql) for sql in statements if COUNTS_ALL.search(sql)] == []
    assert {name: count for name, count in few.items() if count > MOST_STATEMENTS} == {}

    furnish(4, operator)
    more = {
        page.name: len(statements)
        for page, _status, statements in _opened(_client(operator), operator)
        if page.name in few
    }
    grown = {name: (few[name], count) for name, count in more.items() if count > few[name]}
    assert grown == {}


def test_every_page_opens_for_who_may_only_look(operator: User) -> None:
    furnish(1, operator)
    auditor = a_person("auditor@example.com", is_staff=True)
    auditor.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    auditor = User.objects.get(pk=auditor.pk)

    opened = list(_opened(_client(auditor), auditor))

    assert {page.name: status for page, status, _statements in opened if status != 200} == {}
    assert {page.name: len(sql) for page, _status, sql in opened if len(sql) > MOST_STATEMENTS} == {}
    assert not any(page.name.endswith((": add", ": delete", "delete selected")) for page, *_rest in opened)


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT COUNT(*) AS "__count" FROM "shipments_shipment"',
        'SELECT COUNT(*) AS "__count" FROM "shipments_mail" WHERE "shipments_mail"."kind" = \'x\'',
        'SELECT COUNT("shipments_answer"."id") FROM "shipments_answer"',
    ],
)
def test_a_count_of_a_large_table_would_be_noticed(sql: str) -> None:
    assert COUNTS_ALL.search(sql)
    assert not COUNTS_ALL.search(
        'SELECT COUNT(*) FROM (SELECT 1 FROM "shipments_shipment" LIMIT 5000) subquery'
    )
