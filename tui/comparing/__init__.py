"""What several runs have in common and in what they differ, without a screen."""
