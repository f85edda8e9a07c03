"""Passkeys (WebAuthn): what a browser is asked, and whether its answer proves what it should.

Every answer needs user verification: the device has checked a fingerprint, a face or a PIN.
The library is loaded by the first passkey: processes that see none do without its 4 MB.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from portal.core.passkeys import Answer, NewPasskey, Site

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

PORTAL_NAME = "Tallystick"
CREDENTIAL_ID_LONGEST = 1023


def creation_options(
    site: Site, challenge: bytes, user_id: bytes, email: str, name: str, known: Sequence[bytes]
) -> str:
    """What ``navigator.credentials.create`` is asked, as JSON; a device that has one of ``known`` makes none."""
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=site.domain,
        rp_name=PORTAL_NAME,
        user_id=user_id,
        user_name=email,
        user_display_name=name,
        challenge=challenge,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(known),
    )
    return webauthn.options_to_json(options)


def request_options(site: Site, challenge: bytes, allowed: Sequence[bytes] = ()) -> str:
    """What ``navigator.credentials.get`` is asked, as JSON: for one of the ``allowed``, or for any that it knows."""
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_authentication_options(
        rp_id=site.domain,
        challenge=challenge,
        allow_credentials=_described(allowed),
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def read_new(site: Site, answer: Answer) -> NewPasskey | None:
    """The passkey that was made for this challenge on this site; None for anything else."""
    import webauthn

    try:
        made = webauthn.verify_registration_response(
            credential=answer.credential,
            expected_challenge=answer.challenge,
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except Exception:
        # Data that was made up fails in many ways inside of the library.
        return None
    if len(made.credential_id) > CREDENTIAL_ID_LONGEST:
        return None
    return NewPasskey(made.credential_id, made.credential_public_key, made.sign_count)


def find_ids(answer: Answer) -> tuple[bytes, bytes | None] | None:
    """Which passkey the answer says it is of, and of which user it says so if it does; neither is proved."""
    try:
        sent: Any = json.loads(answer.credential)
        handle = sent["response"].get("userHandle")
        return _decoded(sent["id"]), None if handle is None else _decoded(handle)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def check(site: Site, answer: Answer, public_key: bytes, sign_count: int) -> int | None:
    """The passkey's new count of signatures if the answer is signed with it; None if not, or if it is no higher."""
    import webauthn

    try:
        proved = webauthn.verify_authentication_response(
            credential=answer.credential,
            expected_challenge=answer.challenge,
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except Exception:
        return None
    return proved.new_sign_count


def _described(ids: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return [PublicKeyCredentialDescriptor(id=credential_id) for credential_id in ids]


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
