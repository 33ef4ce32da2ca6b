"""What a web server holds in memory, and how often it is looked through."""

import gc

from django.urls import get_resolver


def keep_what_is_loaded() -> None:
    """Load every view now, and leave all that is loaded out of Python's searches for cycles from here on.

    It stays as long as the process does. Searched each time, it holds up every twentieth request of a large page, or so, for
    70 ms or more.
    """
    # Reading the patterns imports the views.
    _views = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
