"""The project's settings with task types of the tests' own: DJANGO_SETTINGS_MODULE=tests.e2e.settings."""

from project.settings import *  # noqa: F403 - Django's documented way to extend settings
from project.settings import CHANNEL_LAYERS, env
from project.settings import INSTALLED_APPS as PROJECT_APPS

INSTALLED_APPS = [*PROJECT_APPS, "tests.e2e.sample_app", "tests.e2e.witness_app"]
CHANNEL_LAYERS["default"]["BACKEND"] = env.str("CHANNEL_LAYER", default=CHANNEL_LAYERS["default"]["BACKEND"])
