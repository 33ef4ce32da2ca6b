"""Pictures of deliveries, and the statements that prove them. What was delivered of late has its picture fetched, too."""

import django.db.models.deletion
import shipments.fields
import shipments.models.proofs
import shipments.models.statements
from django.conf import settings
from django.db import migrations, models

# Older addresses have ended: asking for them would only keep the queue busy.
BEGIN = """
INSERT INTO shipments_proof (shipment_id, merchant_id, address_sha256, due_at, begun_at, tries, trouble, trouble_detail)
SELECT id, merchant_id, encode(sha256(convert_to(proof_url, 'UTF8')), 'hex'), now(), now(), 0, '', ''
FROM shipments_shipment
WHERE proof_url <> '' AND status = 'Delivered' AND delivered_on >= current_date - 120
"""


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0019_subscriptions'),
    ]

    operations = [
        migrations.CreateModel(
            name='ProofPicture',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('data', models.BinaryField(verbose_name='picture')),
                ('media_type', models.CharField(max_length=20, verbose_name='kind')),
                ('width', models.PositiveIntegerField(verbose_name='width')),
                ('height', models.PositiveIntegerField(verbose_name='height')),
                ('size', models.PositiveIntegerField(verbose_name='size in bytes')),
                ('sha256', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('original_sha256', models.CharField(max_length=64, verbose_name='SHA-256 of what was sent')),
                ('original_size', models.PositiveIntegerField(verbose_name='bytes sent')),
                ('fetched_at', models.DateTimeField(verbose_name='fetched')),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant')),
                ('shipment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='proof_pictures', to='shipments.shipment', verbose_name='shipment')),
            ],
            options={
                'verbose_name': 'proof picture',
                'verbose_name_plural': 'proof pictures',
            },
        ),
        migrations.CreateModel(
            name='Proof',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_sha256', models.CharField(max_length=64, verbose_name='SHA-256 of the address')),
                ('begun_at', models.DateTimeField(verbose_name='first told')),
                ('due_at', models.DateTimeField(null=True, verbose_name='due')),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('fetched_at', models.DateTimeField(null=True, verbose_name='fetched')),
                ('trouble', models.CharField(blank=True, choices=shipments.models.proofs.trouble_choices, max_length=20, verbose_name='trouble')),
                ('trouble_detail', models.CharField(blank=True, max_length=100, verbose_name='details of the trouble')),
                ('set_aside_at', models.DateTimeField(null=True, verbose_name='set aside')),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant')),
                ('shipment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='proofs', to='shipments.shipment', verbose_name='shipment')),
                ('picture', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='proofs', to='shipments.proofpicture', verbose_name='picture')),
            ],
            options={
                'verbose_name': 'proof of delivery',
                'verbose_name_plural': 'proofs of delivery',
            },
        ),
        migrations.CreateModel(
            name='Statement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=24, unique=True, verbose_name='number')),
                ('digest', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('facts_sha256', models.CharField(editable=False, max_length=64)),
                ('document', shipments.fields.EncryptedTextField(null=True, verbose_name='document')),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('is_for_buyer', models.BooleanField(verbose_name='made through a private link')),
                ('carrier', models.CharField(max_length=100, verbose_name='carrier')),
                ('number_ending', models.CharField(max_length=4, verbose_name='end of the tracking number')),
                ('status', models.CharField(max_length=20, verbose_name='status')),
                ('delivered_on', models.DateField(null=True, verbose_name='delivered')),
                ('answers', models.JSONField(default=list, help_text='When fetched, from where, and digests.', verbose_name='answers behind it')),
                ('made_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by')),
                ('merchant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='shipments.merchant', verbose_name='merchant')),
                ('shipment', models.ForeignKey(null=True, on_delete=shipments.models.statements.erase_with_parcel, related_name='statements', to='shipments.shipment', verbose_name='shipment')),
            ],
            options={
                'verbose_name': 'proof statement',
                'verbose_name_plural': 'proof statements',
            },
        ),
        migrations.AddConstraint(
            model_name='proofpicture',
            constraint=models.UniqueConstraint(fields=('shipment', 'original_sha256'), name='proof_picture_once_per_content'),
        ),
        migrations.AddIndex(
            model_name='proof',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='proof_due_idx'),
        ),
        migrations.AddConstraint(
            model_name='proof',
            constraint=models.UniqueConstraint(fields=('shipment', 'address_sha256'), name='proof_once_per_address'),
        ),
        migrations.AddConstraint(
            model_name='proof',
            constraint=models.CheckConstraint(condition=models.Q(('trouble__in', ['', 'bad-address', 'private-host', 'unreachable', 'too-slow', 'refused', 'redirects', 'too-large', 'no-picture', 'bad-picture', 'interrupted', 'overtaken', 'enough'])), name='proof_trouble_is_known'),
        ),
        migrations.RunSQL(BEGIN, migrations.RunSQL.noop),
    ]
