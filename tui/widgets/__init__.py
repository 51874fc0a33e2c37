"""The widgets of the panel, one file each."""
