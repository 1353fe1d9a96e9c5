"""What a lab is read from: settings, environments, families of experiments and the functions in their files."""
