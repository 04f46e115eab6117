"""The book of the CLN companion: its tables, figures and pages, the audit, the workflow."""
