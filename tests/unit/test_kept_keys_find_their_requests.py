"""A key that was kept before an upgrade finds its request again, though classes and fields have been renamed."""

from uuid import UUID

from portal.services.idempotency import fingerprint
from portal.services.payments import PaymentRequest, Scope


def test_a_payment_has_the_hash_that_the_first_version_kept():
    plan, installment = (UUID(f"01a22343-3567-726b-9567-d197df0c3e{end}") for end in ("09", "0a"))
    kept = "085092d80e681d872808f205bc52e39cd9c2dc666df19b785e016e4c084cc110"
    assert fingerprint(PaymentRequest(plan, Scope.INSTALLMENT, 3334, installment)) == kept
