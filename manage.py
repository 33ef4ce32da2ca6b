#!/usr/bin/env python
"""The product's commands: `manage.py help` lists them."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trackingsite.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as exc:
        # It says what is wrong and what to do; where in the code that was noticed helps nobody.
        sys.exit(f"It cannot start: {exc}")
