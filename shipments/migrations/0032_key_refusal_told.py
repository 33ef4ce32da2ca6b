"""Which refused keys their owners were told of."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shipments", "0030_audit_complete"),
    ]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="refusal_told_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="refusal told"),
        ),
    ]
