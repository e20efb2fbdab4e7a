"""The error that is shown to the user."""

from vec2pca.labserver.errors import LabError


class Vec2pcaError(LabError):
    """Something that the user can fix; the message says how. The command prints it and exits with 1."""
