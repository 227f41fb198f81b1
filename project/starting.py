"""What makes a process start sooner. Called before Django is set up, where start-up is waited for."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

from django.core.exceptions import ImproperlyConfigured

_GEOGRAPHY: Final = "django.contrib.gis"


class _NoGeography(MetaPathFinder):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.startswith(f"{_GEOGRAPHY}."):
            raise ImproperlyConfigured("GeoDjango is not used here")
        return None


def skip_geography() -> None:
    """Have strawberry_django do without GeoDjango at once.

    It tries to import it, and Django then asks the linker and the compiler for GDAL under a dozen names, twice: a
    second of each start, to find nothing.
    """
    sys.meta_path.insert(0, _NoGeography())
