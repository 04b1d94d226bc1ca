"""What if: fewer devices, more traffic, tighter deadlines, a dead node."""
