"""Charts in braille over pure numpy."""
