"""The carriers' sides of the wire: clients that ask, parsers that read. No Django, no database."""
