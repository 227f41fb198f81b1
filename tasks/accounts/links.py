"""The development server's sign-in link, and the user whom it signs in."""

import secrets
from uuid import UUID

from django.core.signing import BadSignature, TimestampSigner

from tasks.models import User

SIGN_IN_LINK_SECONDS = 3_600
DEMO_USERNAME = "demo"


def create_sign_in_link(user: User) -> str:
    """Return a token that signs this user in, by way of /sign-in/<token>, for an hour. Random: no two are alike."""
    return _signer().sign(f"{user.pk}.{secrets.token_urlsafe(16)}")


def user_of_sign_in_link(token: str) -> User | None:
    """Return the user whom a link's token signs in; None for one that is forged, old, or of a user not active."""
    try:
        user_id, _, _ = _signer().unsign(token, max_age=SIGN_IN_LINK_SECONDS).partition(".")
        return User.objects.filter(pk=UUID(user_id), is_active=True).first()
    except (BadSignature, ValueError):
        return None


def demo_link(base_url: str) -> str:
    """Return a link that signs in the user `demo`, who is made if missing and can't log in by password."""
    user, created = User.objects.get_or_create(username=DEMO_USERNAME)
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return f"{base_url.rstrip('/')}/sign-in/{create_sign_in_link(user)}"


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="taskfeed.sign-in", sep="~")
