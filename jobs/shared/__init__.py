"""What several commands share: options, output, errors, label maps from files."""
