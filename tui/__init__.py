"""What a person touches: the panel and the command line."""
