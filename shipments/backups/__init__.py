"""Copies of everything, and whether one is whole: a dump by PostgreSQL's own program, and a manifest to check it by."""
