"""A row of everything the back-office shows, with secrets and names in it that may stand on no page."""

from allauth.mfa.models import Authenticator
from django.db.models import Model
from django.utils import timezone

from shipments.enums import ErasedBy
from shipments.fields import EncryptedTextField
from shipments.keeping import erasing
from shipments.models import (
    AuditEntry,
    Heartbeat,
    Mail,
    Merchant,
    MerchantDeletion,
    PrivateLink,
    Replay,
    StatusMapping,
    UnrecognisedCode,
    UnrecognisedWord,
    User,
)
from shipments.outbound.mail import post
from shipments.tracking.statements import state
from tests.buyers.parcels import subscribed
from tests.factories import (
    a_host,
    a_kept_picture,
    a_look,
    a_merchant,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_invitation,
    ingested,
)


def a_world() -> Merchant:
    """The merchant of it all."""
    now = timezone.now()
    merchant = a_merchant(slug="alpine", name="Alpine Outfitters")
    person = a_person("ursula@example.com", merchant, "viewer", name="Ursula Person")
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={})
    an_account(merchant, key="a-key-nobody-may-see", secret="a-secret-nobody-may-see")
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(a_scan()))
    a_kept_picture(shipment)
    state(shipment, by=None, is_for_buyer=False, now=now)
    PrivateLink.objects.make(shipment)
    subscribed(shipment, email="buyer@example.com", now=now)
    post(to="reader@example.com", kind="alert", subject="About A-77", text="A hidden text", merchant=merchant)
    Mail.objects.get().note_refusal("550 5.1.1 no such user")
    a_host(merchant)
    a_look(merchant)
    Heartbeat.objects.beat(now)
    StatusMapping.objects.create(carrier_id="UPS", code="ZZ", status="InTransit")
    UnrecognisedCode.objects.create(
        carrier_id="UPS", code="ZY", text="Parcel sneezed", scans=3, first_seen_at=now, last_seen_at=now
    )
    UnrecognisedWord.objects.create(
        carrier_id="UPS", word="Sneezing", scans=3, first_seen_at=now, last_seen_at=now
    )
    Replay(carrier_id="UPS", code="ZZ").begin()
    erasing.begin(ErasedBy.EMAIL, "buyer@example.com", merchant, asked_by=None, now=now)
    MerchantDeletion.objects.create(
        merchant=0, slug="gone", name="Gone", asked_at=now, due_at=now, begun_at=now, finished_at=now
    )
    an_invitation(merchant, "invited@example.com", "owner", by=person)
    AuditEntry.objects.record("added", merchant, source="command", merchant=merchant)
    return merchant


def row_of(model: type[Model]) -> Model:
    """The row of the test; says what to do where there is none."""
    rows = model._default_manager.order_by("pk")
    if model is User:
        rows = rows.filter(email="ursula@example.com")
    row: Model | None = rows.first()
    assert row is not None, f"tests/admin/world.py makes no {model.__name__}: add one to a_world()."
    return row


def secrets_of(*models: type[Model]) -> set[str]:
    """Everything that is encrypted in the rows of these models, in clear."""
    return {
        value
        for model in models
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
        for value in model._default_manager.values_list(field.name, flat=True)
        if value
    }
