"""Migrations after the first release: the version before works on while they run, and after them (docs/deploy.md)."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

# The last migration of the first release. What was there before, nobody runs beside anything older.
FIRST_RELEASE = 30
# Tables that grow with parcels. A lock on one of them is a lock on every page.
BIG = {
    "alert", "answer", "attentionitem", "auditentry", "mail", "note", "privatelink", "promisedday", "proof", "proofpicture",
    "scanevent", "seenparcel", "shipment", "statement", "subscription", "tally", "throttle", "watch",
}  # fmt: skip


def broken_rules(operations: Sequence[Operation]) -> Iterator[tuple[str, str]]:
    """What in a migration another version trips over, or waits for: the operation as `SAFE_BECAUSE` names it, and the rule."""
    made = {
        operation.name.lower() for operation in operations if isinstance(operation, migrations.CreateModel)
    }
    for operation in _unfolded(operations):
        model = str(getattr(operation, "model_name", None) or getattr(operation, "name", "") or "").lower()
        if model in made:
            continue
        name = getattr(operation, "name", None) or getattr(getattr(operation, "index", None), "name", None)
        name = name or getattr(getattr(operation, "constraint", None), "name", None)
        called = f"{type(operation).__name__} {model}" + (
            f".{name}" if name and name.lower() != model else ""
        )
        rule = _rule_broken_by(operation, is_big=model in BIG)
        if rule:
            yield called.strip(), rule


def _rule_broken_by(operation: Operation, *, is_big: bool) -> str | None:
    match operation:
        case migrations.RemoveField() | migrations.DeleteModel():
            return "the version before still reads and writes it: take it away one version later"
        case migrations.RenameField() | migrations.RenameModel() | migrations.AlterModelTable():
            return "the version before knows the old name: add, copy, take away"
        case migrations.AddField(field=field) if not (
            field.null or field.has_db_default() or field.many_to_many
        ):
            return "the version before does not fill it: null=True or db_default"
        case migrations.AddField(field=field) if is_big and field.generated:
            return "the whole table is written anew under a lock"
        case migrations.AlterField() if is_big:
            return "the table may be read or written anew under a lock"
        case AddIndexConcurrently() | AddConstraintNotValid() | ValidateConstraint():
            return None
        case migrations.AddIndex() if is_big:
            return "writers wait while it is built: AddIndexConcurrently"
        case migrations.AddConstraint() if is_big:
            return "the table is read under a lock: AddConstraintNotValid, then ValidateConstraint"
        case migrations.RunSQL() | migrations.RunPython():
            return (
                "nobody but its author knows what it locks, and whether the version before can live with it"
            )
    return None


def _unfolded(operations: Sequence[Operation]) -> Iterator[Operation]:
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            yield from _unfolded(operation.database_operations)
        else:
            yield operation


def ours() -> Iterator[tuple[str, Any]]:
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        number = re.match(r"\d+", name)
        if app == "shipments" and number and int(number[0]) > FIRST_RELEASE:
            yield name, migration


def test_migrations_after_the_first_release_keep_the_rules_or_say_why_not():
    for name, migration in ours():
        reasons: dict[str, str] = getattr(
            __import__(migration.__module__, fromlist=["_"]), "SAFE_BECAUSE", {}
        )
        broken = dict(broken_rules(migration.operations))
        unexplained = {called: rule for called, rule in broken.items() if len(reasons.get(called, "")) < 20}
        assert not unexplained, f"{name}: keep the rule, or say under SAFE_BECAUSE why it may be broken here"
        assert set(reasons) <= set(broken), f"{name}: SAFE_BECAUSE explains what is not there"
        if any(isinstance(each, AddIndexConcurrently) for each in migration.operations):
            assert migration.atomic is False, name


SMALL, NOTE = "merchant", models.TextField(null=True)


@pytest.mark.parametrize(
    ("operation", "called"),
    [
        (migrations.AddField("shipment", "note", NOTE), None),
        (migrations.AddField("shipment", "note", models.TextField(db_default="")), None),
        (migrations.AddField("shipment", "note", models.TextField(default="")), "AddField shipment.note"),
        (migrations.AddField(SMALL, "note", models.TextField(default="")), "AddField merchant.note"),
        (
            migrations.AddField(
                "shipment",
                "twice",
                models.GeneratedField(
                    expression=models.F("id") * 2, output_field=models.BigIntegerField(null=True), db_persist=True, null=True
                ),
            ),
            "AddField shipment.twice",
        ),
        (migrations.AlterField("shipment", "note", NOTE), "AlterField shipment.note"),
        (migrations.AlterField(SMALL, "note", NOTE), None),
        (migrations.RemoveField(SMALL, "note"), "RemoveField merchant.note"),
        (migrations.RenameField(SMALL, "note", "remark"), "RenameField merchant.note"),
        (migrations.DeleteModel("Note"), "DeleteModel note"),
        (migrations.AddIndex("watch", models.Index(fields=["due_at"], name="late_idx")), "AddIndex watch.late_idx"),
        (migrations.AddIndex(SMALL, models.Index(fields=["slug"], name="slug_idx")), None),
        (AddIndexConcurrently("watch", models.Index(fields=["due_at"], name="late_idx")), None),
        (
            migrations.AddConstraint("watch", models.CheckConstraint(condition=models.Q(id__gt=0), name="positive")),
            "AddConstraint watch.positive",
        ),
        (AddConstraintNotValid("watch", models.CheckConstraint(condition=models.Q(id__gt=0), name="positive")), None),
        (ValidateConstraint("watch", name="positive"), None),
        (migrations.RunSQL("SELECT 1"), "RunSQL"),
        (migrations.RunPython(migrations.RunPython.noop), "RunPython"),
        (
            migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField("shipment", "note")]),
            "RemoveField shipment.note",
        ),
    ],
)  # fmt: skip
def test_what_another_version_would_trip_over_is_seen(operation: Operation, called: str | None) -> None:
    assert [name for name, _rule in broken_rules([operation])] == ([called] if called else [])


def test_a_table_that_is_made_in_the_same_migration_is_nobodys_yet() -> None:
    made = migrations.CreateModel("Remark", [("id", models.BigAutoField(primary_key=True))])
    index = migrations.AddIndex("remark", models.Index(fields=["id"], name="remark_idx"))
    assert list(broken_rules([made, index])) == []


def test_the_big_tables_exist() -> None:
    from django.apps import apps

    assert {model._meta.model_name for model in apps.get_app_config("shipments").get_models()} >= BIG
