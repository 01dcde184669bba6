"""What the gateway can be told, one file for each family: a section of the JSON file, with everything off by default."""
