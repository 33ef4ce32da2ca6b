"""Until when a carrier told the same: what late answers are put in order by. Answers of before are taken to have been told once."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0021_budgets'),
    ]

    operations = [
        migrations.AddField(
            model_name='answer',
            name='last_fetched_at',
            field=models.DateTimeField(null=True, verbose_name='last fetched'),
        ),
    ]
