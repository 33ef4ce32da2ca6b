"""Pitney Bowes' side of the wire: `GET /v1/tracking/{identifier}` of its Shipping API."""
