"""Tables: run records in, styled frames out, the paper's value beside ours and the blind box."""

from clnlib.tables.summary import label_auc, summary

__all__ = ["label_auc", "summary"]
