"""What is known of a cache from the outside: what it is set to, and who made each answer and when."""
