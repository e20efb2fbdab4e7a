"""Folders of a host and prefixes of an S3 bucket: compared on the controller, transferred by the host."""
