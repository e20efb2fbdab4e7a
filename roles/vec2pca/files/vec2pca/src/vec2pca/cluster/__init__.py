"""The same analysis on Apache Spark, for more text than one machine holds: `vec2pca cluster`."""
