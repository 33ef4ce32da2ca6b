"""The names of the queue's clusters: each has its own, however many run on one host."""

import os
import secrets
import socket

# Tells the processes of a cluster which one they belong to; set by whoever looks after it.
CLUSTER_VARIABLE = "QUEUE_CLUSTER"
# With the rest it fits the keys of the queue's table.
_LONGEST_HOST = 50


def this_host() -> str:
    """The name of the machine, or container, this process runs on."""
    return socket.gethostname()[:_LONGEST_HOST] or "localhost"


def new_cluster() -> str:
    """A name for a cluster of this host, which no other has: `HOST/…`."""
    return f"{this_host()}/{secrets.token_hex(4)}"


def this_cluster() -> str:
    """The cluster this process belongs to: the name its supervisor gave it, else that of the host."""
    return os.environ.get(CLUSTER_VARIABLE) or this_host()
