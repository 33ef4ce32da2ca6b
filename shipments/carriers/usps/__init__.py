"""USPS' side of the wire: `POST /tracking/v3r2/tracking` of its APIs."""
