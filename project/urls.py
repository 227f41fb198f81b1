"""Everything that Django itself serves; `/graphql` is ours and stands before it in `project.asgi`."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from project.health import health
from tasks.api.sign_in import sign_in

urlpatterns = [
    path("", RedirectView.as_view(url="/graphql")),
    path("healthz", health),
    path("sign-in/<str:token>", sign_in, name="sign-in"),
    path("admin/", admin.site.urls),
]
