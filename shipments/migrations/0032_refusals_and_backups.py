"""Which refused keys their owners were told of, and which backups were made."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shipments", "0031_rows_taken_out_of_files"),
    ]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="refusal_told_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="refusal told"),
        ),
        migrations.CreateModel(
            name="Backup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("made_at", models.DateTimeField(unique=True, verbose_name="made")),
                ("name", models.CharField(max_length=100, verbose_name="folder")),
                ("rows", models.BigIntegerField(verbose_name="rows")),
                ("bytes", models.BigIntegerField(verbose_name="bytes")),
                ("checked_at", models.DateTimeField(null=True, verbose_name="rehearsed")),
                ("faults", models.PositiveIntegerField(null=True, verbose_name="faults")),
            ],
            options={
                "verbose_name": "backup",
                "verbose_name_plural": "backups",
                "default_permissions": (),
            },
        ),
    ]
