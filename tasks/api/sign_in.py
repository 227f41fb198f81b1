"""The development server's sign-in link: one click instead of a registration. Never there with DEBUG off."""

from ipaddress import ip_address

from django.conf import settings
from django.contrib import auth
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tasks.accounts import user_of_sign_in_link

DESTINATION = "/graphql"


@require_GET
@never_cache
def sign_in(request: HttpRequest, token: str) -> HttpResponse:
    """Give the browser a session of the link's user. Not found, whatever the token, but from this very machine."""
    user = user_of_sign_in_link(token) if settings.DEBUG and _is_from_here(request) else None
    if user is None:
        raise Http404
    auth.login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return HttpResponseRedirect(DESTINATION)


def _is_from_here(request: HttpRequest) -> bool:
    """Tell whether the client is on this machine and speaks to us without a proxy in between."""
    if "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
