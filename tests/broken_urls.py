"""The project's URLs, and one whose view raises: ROOT_URLCONF for tests of what a fault lets out."""

from typing import Never

from django.http import HttpRequest
from django.urls import path

from project.urls import urlpatterns as of_the_project

SECRET = "hunter2 in SELECT * FROM tasks_user"


def broken(_request: HttpRequest) -> Never:
    """Raise what nobody expected."""
    raise RuntimeError(SECRET)


urlpatterns = [*of_the_project, path("broken", broken)]
