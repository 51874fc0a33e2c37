"""What the machine does: accelerators and host."""
