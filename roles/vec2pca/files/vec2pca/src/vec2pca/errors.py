"""The error that is shown to the user."""


class Vec2pcaError(Exception):
    """Something that the user can fix; the message says how. The command prints it and exits with 1."""
