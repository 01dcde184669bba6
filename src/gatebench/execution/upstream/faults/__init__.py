"""What a provider can do wrong: one file a fault, registered at its foot."""
