"""The stages of the pipeline, one file each; pipeline.py puts them in their order."""
