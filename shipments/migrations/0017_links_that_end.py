"""Private links end, by the choice of the merchant."""


import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0016_throttles_unlogged'),
    ]

    operations = [
        migrations.AddField(
            model_name='merchant',
            name='link_days',
            field=models.PositiveSmallIntegerField(blank=True, default=180, help_text='Of links made from now on. Empty: until somebody revokes them.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name='days a private link works'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='order_on_links',
            field=models.BooleanField(default=False, help_text='Whoever has the link sees the number of the order.', verbose_name='the order is shown on private links'),
        ),
        migrations.AddField(
            model_name='privatelink',
            name='expires_at',
            field=models.DateTimeField(null=True, verbose_name='ends'),
        ),
    ]
