"""What `doctor` looks at, a module for each subject."""
