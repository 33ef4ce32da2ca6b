"""How large tables are by the day, and indexes by which the health page finds what was given up and what nobody knows, and
the back-office a mail by its address and an answer by its digest.

The indexes are built while the tables are written to: one of them is on all scans.
"""

from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Left, Lower


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('shipments', '0026_credentials'),
    ]

    operations = [
        migrations.CreateModel(
            name='TableSize',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('on', models.DateField(verbose_name='day')),
                ('name', models.CharField(max_length=63, verbose_name='table')),
                ('bytes', models.BigIntegerField(verbose_name='bytes')),
                ('rows', models.BigIntegerField(verbose_name='rows, estimated')),
            ],
            options={
                'verbose_name': 'size of a table',
                'verbose_name_plural': 'sizes of tables',
                'permissions': [
                    ('view_health', 'Can see how the installation fares'),
                    ('change_health', 'Can have failed tasks and waiting mails tried again'),
                ],
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('on', 'name'), name='table_size_once_a_day')],
            },
        ),
        AddIndexConcurrently(
            model_name='mail',
            index=models.Index(
                condition=models.Q(('due_at', None), ('sent_at', None)), fields=['made_at'], name='mail_given_up_idx'
            ),
        ),
        AddIndexConcurrently(
            model_name='mail', index=models.Index(Lower('to'), name='mail_address_idx')
        ),
        AddIndexConcurrently(
            model_name='answer',
            index=models.Index(OpClass(Left('sha256', 12), name='text_pattern_ops'), name='answer_digest_idx'),
        ),
        AddIndexConcurrently(
            model_name='answer',
            index=models.Index(
                OpClass(Left('body_sha256', 12), name='text_pattern_ops'), name='answer_body_digest_idx'
            ),
        ),
        AddIndexConcurrently(
            model_name='scanevent',
            index=models.Index(
                condition=models.Q(('status', 'Unknown'), ('status_by', '')), fields=['code'], name='scan_unrecognised_idx'
            ),
        ),
    ]
