"""Counts of parcels kept by triggers: a row per statement and count, so that writers never wait for each other."""

from django.db import migrations

MAKE = """
CREATE FUNCTION shipments_tally_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shipments_tally (merchant_id, lifecycle, status_group, parcels)
    SELECT merchant_id, lifecycle, status_group, count(*) FROM added GROUP BY 1, 2, 3;
    RETURN NULL;
END
$$;
CREATE FUNCTION shipments_tally_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shipments_tally (merchant_id, lifecycle, status_group, parcels)
    SELECT merchant_id, lifecycle, status_group, -count(*) FROM removed GROUP BY 1, 2, 3;
    RETURN NULL;
END
$$;
CREATE FUNCTION shipments_tally_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shipments_tally (merchant_id, lifecycle, status_group, parcels)
    SELECT merchant_id, lifecycle, status_group, sum(parcels) FROM (
        SELECT merchant_id, lifecycle, status_group, 1 AS parcels FROM added
        UNION ALL SELECT merchant_id, lifecycle, status_group, -1 FROM removed
    ) AS changes GROUP BY 1, 2, 3 HAVING sum(parcels) <> 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER tally_added AFTER INSERT ON shipments_shipment
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shipments_tally_added();
CREATE TRIGGER tally_removed AFTER DELETE ON shipments_shipment
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION shipments_tally_removed();
CREATE TRIGGER tally_changed AFTER UPDATE ON shipments_shipment
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shipments_tally_changed();

INSERT INTO shipments_tally (merchant_id, lifecycle, status_group, parcels)
SELECT merchant_id, lifecycle, status_group, count(*) FROM shipments_shipment GROUP BY 1, 2, 3;
"""
DROP = """
DROP TRIGGER tally_added ON shipments_shipment;
DROP TRIGGER tally_removed ON shipments_shipment;
DROP TRIGGER tally_changed ON shipments_shipment;
DROP FUNCTION shipments_tally_added();
DROP FUNCTION shipments_tally_removed();
DROP FUNCTION shipments_tally_changed();
"""


class Migration(migrations.Migration):
    dependencies = [("shipments", "0004_what_people_make_of_parcels")]
    operations = [migrations.RunSQL(MAKE, DROP)]
