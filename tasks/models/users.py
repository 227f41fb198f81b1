"""People, and the tokens with which their programs sign in."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from uuid_utils.compat import uuid7


class User(AbstractUser):
    """Someone who submits tasks and sees their own; staff may see everybody's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the user; with a new password end all tokens, as Django's sessions end by themselves."""
        # Set by set_password, and not where Django only hashes the same password anew.
        has_new_password = self._password is not None and not self._state.adding  # type: ignore[attr-defined]  # Django's
        with transaction.atomic():
            super().save(*args, **kwargs)
            if has_new_password:
                self.access_tokens.all().delete()


class AccessToken(models.Model):
    """An opaque bearer token. Only its SHA-256 is stored, so a copy of the database signs nobody in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_tokens")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"token of {self.user_id}, until {self.expires_at:%Y-%m-%d %H:%M}"
