"""What breaks things on a schedule, proves that it bit, and heals."""
