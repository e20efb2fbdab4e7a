"""Word vectors of a text, shown by their principal components on one self-contained web page."""

__version__ = "0.2.0"
