"""The audit: who runs a command, indexes to search it by, months that cannot be emptied either, and no second log beside it."""

from django.db import migrations

TABLE = "shipments_auditentry"

# Most deeds are done on parcels, on pages; what is searched for is mostly neither, so that those indexes stay small.
INDEXES = f"""
ALTER TABLE {TABLE} ADD COLUMN run_by varchar(100) NOT NULL DEFAULT '';
CREATE INDEX audit_time_idx ON {TABLE} (at DESC, id DESC);
CREATE INDEX audit_of_row_idx ON {TABLE} (row, model, at DESC);
CREATE INDEX audit_person_idx ON {TABLE} (person, at DESC) WHERE person IS NOT NULL;
CREATE INDEX audit_address_idx ON {TABLE} (address, at DESC) WHERE address IS NOT NULL;
CREATE INDEX audit_verb_idx ON {TABLE} (verb, at DESC);
CREATE INDEX audit_source_idx ON {TABLE} (source, at DESC) WHERE source IN ('admin', 'command');
CREATE INDEX audit_model_idx ON {TABLE} (model, at DESC) WHERE model <> 'shipments.Shipment';
DROP INDEX audit_row_idx;
"""
NO_INDEXES = f"""
CREATE INDEX audit_row_idx ON {TABLE} (model, row, at DESC);
DROP INDEX audit_time_idx, audit_of_row_idx, audit_person_idx, audit_address_idx, audit_verb_idx, audit_source_idx, audit_model_idx;
ALTER TABLE {TABLE} DROP COLUMN run_by;
"""

# The database copies triggers for rows to every month, but not the one against TRUNCATE.
GUARD = f"""
DO $$
DECLARE month regclass;
BEGIN
    FOR month IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = '{TABLE}'::regclass LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON %s '
            'FOR EACH STATEMENT EXECUTE FUNCTION shipments_audit_is_append_only()', month);
    END LOOP;
END $$;
"""
NO_GUARD = f"""
DO $$
DECLARE month regclass;
BEGIN
    FOR month IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = '{TABLE}'::regclass LOOP
        EXECUTE format('DROP TRIGGER audit_is_not_emptied ON %s', month);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("shipments", "0029_retention"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="auditentry",
            options={
                "default_permissions": ("view",),
                "managed": False,
                "permissions": [("export_auditentry", "Can export the audit")],
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit entries",
            },
        ),
        migrations.RunSQL(INDEXES, NO_INDEXES),
        migrations.RunSQL(GUARD, NO_GUARD),
        # Django's own log of the back-office told the same deeds again, with names and addresses in clear.
        migrations.RunSQL("DELETE FROM django_admin_log", migrations.RunSQL.noop),
    ]
