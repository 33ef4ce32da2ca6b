"""How merchants' pages look, and the host names on which they are found."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0014_tallies_without_constraint'),
    ]

    operations = [
        migrations.CreateModel(
            name='Look',
            fields=[
                ('merchant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='look', serialize=False, to='shipments.merchant', verbose_name='merchant')),
                ('shown_name', models.CharField(blank=True, max_length=60, verbose_name='name shown to buyers')),
                ('colour', models.CharField(blank=True, max_length=7, verbose_name='colour')),
                ('support_url', models.CharField(blank=True, max_length=300, verbose_name='link for questions')),
                ('name_beside_logo', models.BooleanField(default=True, verbose_name='name beside the logo')),
                ('logo', models.BinaryField(null=True)),
                ('logo_type', models.CharField(blank=True, editable=False, max_length=20)),
                ('logo_sha256', models.CharField(blank=True, editable=False, max_length=64, verbose_name='logo (SHA-256)')),
                ('logo_width', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('logo_height', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('changed_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
            ],
            options={
                'verbose_name': 'look',
                'verbose_name_plural': 'looks',
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('logo', None), ('logo_height', 0), ('logo_sha256', ''), ('logo_type', ''), ('logo_width', 0)), models.Q(('logo__isnull', False), ('logo_height__gt', 0), ('logo_sha256__regex', '^[0-9a-f]{64}$'), ('logo_type__startswith', 'image/'), ('logo_width__gt', 0)), _connector='OR'), name='look_logo_whole_or_none'), models.CheckConstraint(condition=models.Q(('colour', ''), ('colour__regex', '^#[0-9a-f]{6}$'), _connector='OR'), name='look_colour_is_rrggbb'), models.CheckConstraint(condition=models.Q(('support_url', ''), ('support_url__regex', '^(https://|mailto:)'), _connector='OR'), name='look_support_is_https_or_mail')],
            },
        ),
        migrations.CreateModel(
            name='MerchantHost',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(help_text='Such as track.shop.example: without https://, port or path. Its DNS must lead here.', max_length=253, unique=True, verbose_name='host name')),
                ('made_at', models.DateTimeField(auto_now_add=True, verbose_name='added')),
                ('made_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='added by')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='hosts', to='shipments.merchant', verbose_name='merchant')),
            ],
            options={
                'verbose_name': 'host name of a merchant',
                'verbose_name_plural': 'host names of merchants',
                'ordering': ['host'],
                'constraints': [models.CheckConstraint(condition=models.Q(('host', django.db.models.functions.text.Lower('host'))), name='host_in_small_letters')],
            },
        ),
    ]
