"""What was learned from scans already found: one row, by how much to multiply what the tables expect."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0022_answers_in_any_order'),
    ]

    operations = [
        migrations.CreateModel(
            name='LearnedChances',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('learned_at', models.DateTimeField(verbose_name='learned')),
                ('parcels', models.PositiveIntegerField(verbose_name='parcels')),
                ('factors', models.JSONField(verbose_name='factors')),
            ],
            options={
                'verbose_name': 'learned chances',
                'verbose_name_plural': 'learned chances',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='learned_chances_are_one_row')],
            },
        ),
    ]
