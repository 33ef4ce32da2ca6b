"""The keys of an account as rows of their own, two live at most. Ciphertext is moved as it is: no key of the ring is needed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import shipments.fields
from shipments.fields import WrongKeyRing

_SHORTEST_SHOWN = 8

MOVE = """
INSERT INTO shipments_credential (account_id, slot, key, secret, ending, added_at, worked_at, refusals, refusal)
SELECT id, 1, key, secret, '', created_at, last_success_at, 0, '' FROM shipments_carrieraccount;
ALTER TABLE shipments_carrieraccount DROP COLUMN key, DROP COLUMN secret;
"""

MOVE_BACK = """
ALTER TABLE shipments_carrieraccount ADD COLUMN key text, ADD COLUMN secret text;
UPDATE shipments_carrieraccount AS account SET key = newest.key, secret = newest.secret
FROM (
    SELECT DISTINCT ON (account_id) account_id, key, secret FROM shipments_credential
    WHERE retired_at IS NULL ORDER BY account_id, id DESC
) AS newest
WHERE newest.account_id = account.id;
ALTER TABLE shipments_carrieraccount ALTER COLUMN key SET NOT NULL, ALTER COLUMN secret SET NOT NULL;
"""


def show_endings(apps, schema_editor):
    """Note the last four characters of each key, as far as the ring reads them: pages show those, and nothing hangs on them."""
    Credential = apps.get_model('shipments', 'Credential')
    for pk in Credential.objects.values_list('pk', flat=True):
        try:
            key = Credential.objects.values_list('key', flat=True).get(pk=pk)
        except WrongKeyRing:
            continue
        if key is not None and len(key) >= _SHORTEST_SHOWN:
            Credential.objects.filter(pk=pk).update(ending=key[-4:])


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0025_mappings_and_replays'),
    ]

    operations = [
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.PositiveSmallIntegerField(editable=False)),
                ('key', shipments.fields.EncryptedTextField(editable=False, null=True, verbose_name='key')),
                ('secret', shipments.fields.EncryptedTextField(editable=False, null=True, verbose_name='secret')),
                ('ending', models.CharField(blank=True, editable=False, max_length=4, verbose_name='key ends in')),
                ('added_at', models.DateTimeField(editable=False, verbose_name='added')),
                ('expires_on', models.DateField(blank=True, help_text='The last day on which the carrier takes it, where there is one: you are reminded by mail.', null=True, verbose_name='expires on')),
                ('reminded', models.PositiveSmallIntegerField(editable=False, null=True)),
                ('worked_at', models.DateTimeField(editable=False, null=True, verbose_name='last worked')),
                ('refused_at', models.DateTimeField(editable=False, null=True, verbose_name='refused')),
                ('refusals', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('refusal', models.CharField(blank=True, editable=False, max_length=500, verbose_name='what the carrier said')),
                ('retired_at', models.DateTimeField(editable=False, null=True, verbose_name='retired')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='credentials', to='shipments.carrieraccount', verbose_name='carrier account')),
                ('added_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='added by')),
            ],
            options={
                'verbose_name': 'key',
                'verbose_name_plural': 'keys',
                'indexes': [models.Index(condition=models.Q(('expires_on__isnull', False), ('retired_at__isnull', True)), fields=['expires_on'], name='credential_expires_idx')],
                'constraints': [
                    models.UniqueConstraint(condition=models.Q(('retired_at__isnull', True)), fields=('account', 'slot'), name='credential_one_live_in_each_slot'),
                    models.CheckConstraint(condition=models.Q(('slot__in', [1, 2])), name='credential_two_live_at_most'),
                    models.CheckConstraint(condition=models.Q(models.Q(('key__isnull', False), ('retired_at__isnull', True), ('secret__isnull', False)), models.Q(('key__isnull', True), ('retired_at__isnull', False), ('secret__isnull', True)), _connector='OR'), name='credential_retired_holds_no_secret'),
                ],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(MOVE, MOVE_BACK)],
            state_operations=[
                migrations.RemoveField(model_name='carrieraccount', name='key'),
                migrations.RemoveField(model_name='carrieraccount', name='secret'),
            ],
        ),
        migrations.RunPython(show_endings, migrations.RunPython.noop, elidable=True),
        # Tokens live for hours and are fetched anew.
        migrations.DeleteModel(name='AccountToken'),
        migrations.CreateModel(
            name='CredentialToken',
            fields=[
                ('credential', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='token', serialize=False, to='shipments.credential')),
                ('value', shipments.fields.EncryptedTextField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('fetching_until', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'token',
                'verbose_name_plural': 'tokens',
            },
        ),
        migrations.CreateModel(
            name='KeyRingCanary',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('value', shipments.fields.EncryptedTextField()),
            ],
            options={
                'verbose_name': 'canary of the key ring',
                'verbose_name_plural': 'canaries of the key ring',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='key_ring_canary_is_one_row')],
            },
        ),
        # The result of a test was a sentence; it is a word now, and pages make the sentence.
        migrations.RunSQL(
            "UPDATE shipments_carrieraccount SET test_requested_at = NULL, tested_at = NULL, test_result = ''",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name='carrieraccount',
            name='test_result',
            field=models.CharField(blank=True, editable=False, max_length=20, verbose_name='result of the test'),
        ),
        migrations.AddField(
            model_name='carrieraccount',
            name='test_words',
            field=models.CharField(blank=True, editable=False, max_length=500, verbose_name='words of the test'),
        ),
    ]
