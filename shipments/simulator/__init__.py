"""The carriers' side of the wire, for the demo, for tests and for benchmarks: made-up parcels over real HTTP.

Knows nothing of the product's own clients, so that these are held to the contract and not to themselves.
"""
