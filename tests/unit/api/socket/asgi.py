"""`application`: the stand-in behind the real door, for uvicorn and daphne to serve."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from tests.unit.api.socket.standin import application as make_application  # noqa: E402 - the apps must be ready first

application = make_application()
