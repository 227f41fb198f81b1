"""Django's admin: people and their tokens to manage, tasks to look at. Tasks change through the API alone."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from tasks.accounts import forgive_blocking, refused_for_blocking
from tasks.api.transport.address import address
from tasks.models import AccessToken, Attempt, Task, User


class LimitedLoginForm(AdminAuthenticationForm):
    """Django's form, whose attempts are counted with those of `login`."""

    def clean(self) -> dict[str, Any]:
        """Refuse one attempt too many without a look at the password."""
        username = User.normalize_username(self.cleaned_data.get("username") or "")
        if refused_for_blocking(_address(self.request), username) is not None:
            raise ValidationError("Too many attempts to sign in, try again later.", code="rate_limited")
        cleaned = super().clean()
        forgive_blocking(username)
        return cleaned


def _address(request: HttpRequest | None) -> str | None:
    scope = getattr(request, "scope", None)
    return None if scope is None else address(scope)


admin.site.login_form = LimitedLoginForm
admin.site.register(User, UserAdmin)


class ReadOnly:
    """Nothing can be added or changed here."""

    def has_add_permission(self, _request: HttpRequest, _row: object = None) -> bool:
        """Rows come from elsewhere."""
        return False

    def has_change_permission(self, _request: HttpRequest, _row: object = None) -> bool:
        """Rows change elsewhere."""
        return False


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Tokens can be revoked, by deleting them, and not read: only their hash is stored."""

    list_display = ("user", "created_at", "expires_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    exclude = ("digest",)


class AttemptInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """The attempts of one task."""

    model = Attempt
    extra = 0
    can_delete = False
    exclude = ("claim_id", "incarnation")


@admin.register(Task)
class TaskAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Tasks with their attempts."""

    list_display = ("id", "type", "owner", "status", "queue", "attempt", "created_at", "finished_at")
    list_filter = ("status", "type", "queue")
    list_select_related = ("owner",)
    show_full_result_count = False
    search_fields = ("id",)
    ordering = ("-id",)
    exclude = ("arguments_digest", "claim_id")
    inlines = (AttemptInline,)

    def has_delete_permission(self, _request: HttpRequest, _row: object = None) -> bool:
        """Pruning does it, and keeps the cursors honest."""
        return False
