#!/usr/bin/env python
"""Django's command line, with the project's settings; and `up`, which starts everything."""

import os
import sys

from django.core.management import execute_from_command_line

from project.starting import skip_geography
from tasks.errors import Misconfigured

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    if sys.argv[1:] == ["up"]:
        from project.supervisor import main

        sys.exit(main())
    skip_geography()
    try:
        execute_from_command_line(sys.argv)
    except Misconfigured as error:
        sys.exit(f"manage.py: {error}")
