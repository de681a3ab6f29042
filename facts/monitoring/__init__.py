"""What monitoring asks of hosts."""
