"""The audit: every printed claim of the paper, computed again."""
