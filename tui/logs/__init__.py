"""The logs of a run without a screen: which there are, one or several as one, text, search and places."""
