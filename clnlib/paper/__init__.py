"""What the paper prints, as data, and what follows from it by arithmetic alone."""
