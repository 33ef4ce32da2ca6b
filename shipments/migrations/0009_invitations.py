"""Invitations; addresses in small letters, and known to the sign-in as those people sign in with."""

import uuid

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import shipments.models.merchants

SMALL_LETTERS = "UPDATE shipments_user SET email = lower(email) WHERE email <> lower(email)"
# What `User.save` keeps in step from now on.
ONE_ADDRESS_EACH = """
    DELETE FROM account_emailaddress address USING shipments_user person
    WHERE address.user_id = person.id AND address.email <> person.email;
    INSERT INTO account_emailaddress (user_id, email, verified, "primary")
    SELECT id, email, true, true FROM shipments_user
    ON CONFLICT (user_id, email) DO UPDATE SET verified = true, "primary" = true;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('account', '0009_emailaddress_unique_primary_email'),
        ('shipments', '0008_mails_and_alerts'),
    ]

    operations = [
        migrations.RunSQL(SMALL_LETTERS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='user_email_in_small_letters'),
        ),
        migrations.RemoveConstraint(
            model_name='user',
            name='user_email_once_any_case',
        ),
        migrations.RunSQL(ONE_ADDRESS_EACH, migrations.RunSQL.noop),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail address')),
                ('role', models.CharField(choices=shipments.models.merchants.role_choices, max_length=10, verbose_name='role')),
                ('token_sha256', models.CharField(max_length=64, unique=True)),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('expires_at', models.DateTimeField(db_index=True, verbose_name='open until')),
                ('accepted_at', models.DateTimeField(null=True, verbose_name='accepted')),
                ('revoked_at', models.DateTimeField(null=True, verbose_name='revoked')),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='invited by')),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='shipments.merchant', verbose_name='merchant')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
            },
        ),
        migrations.AddIndex(
            model_name='invitation',
            index=models.Index(fields=['merchant', 'email'], name='invitation_of_merchant_idx'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(models.F('merchant'), django.db.models.functions.text.Lower('email'), condition=models.Q(('accepted_at', None), ('revoked_at', None)), name='one_open_invitation_per_address'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('accepted_at', None), ('revoked_at', None), _connector='OR'), name='invitation_ends_once'),
        ),
    ]
