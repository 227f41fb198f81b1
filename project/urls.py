"""Everything that Django itself serves; what is ours stands before it in `project.asgi`."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from tasks.api.sign_in import sign_in

urlpatterns = [
    path("", RedirectView.as_view(url="/graphql")),
    path("sign-in/<str:token>", sign_in, name="sign-in"),
    path("admin/", admin.site.urls),
]
