"""From predictions to every number: overlaps, areas under curves, intervals over patients."""
