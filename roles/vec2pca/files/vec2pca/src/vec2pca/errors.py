"""The one error that is meant for the person at the keyboard."""


class Vec2pcaError(Exception):
    """Something the user can mend; the message says how. The command prints it and exits with 1."""
