"""Tables: run records in, styled frames out, the paper's value beside ours and the blind box."""

from clnbook.tables.baselines import (
    beaten,
    blind_accuracy,
    blind_boxes,
    styled_beaten,
    styled_blind,
)
from clnbook.tables.classification import beside_table2, classification, styled_classification
from clnbook.tables.complexity import (
    complexity_table,
    styled_complexity,
    styled_latency,
    styled_pooling,
)
from clnbook.tables.localisation import (
    convention_effects,
    curves,
    decay,
    localisation,
    styled,
    styled_effects,
)
from clnbook.tables.names import labels
from clnbook.tables.settings import by_setting, styled_settings
from clnbook.tables.significance import (
    accuracy_by_threshold,
    accuracy_claims,
    auc_claims,
    claims_tally,
    nested_thresholds,
    runs_told,
    styled_by_threshold,
    styled_claims,
    styled_nested,
    styled_runs,
)
from clnbook.tables.summary import (
    by_split,
    label_auc,
    overview,
    paper_runs,
    styled_label_auc,
    styled_summary,
    summary,
)

__all__ = [
    "accuracy_by_threshold",
    "accuracy_claims",
    "auc_claims",
    "beaten",
    "beside_table2",
    "blind_accuracy",
    "blind_boxes",
    "by_setting",
    "by_split",
    "claims_tally",
    "classification",
    "complexity_table",
    "convention_effects",
    "curves",
    "decay",
    "label_auc",
    "labels",
    "localisation",
    "nested_thresholds",
    "overview",
    "paper_runs",
    "runs_told",
    "styled",
    "styled_beaten",
    "styled_blind",
    "styled_by_threshold",
    "styled_claims",
    "styled_classification",
    "styled_complexity",
    "styled_effects",
    "styled_label_auc",
    "styled_latency",
    "styled_nested",
    "styled_pooling",
    "styled_runs",
    "styled_settings",
    "styled_summary",
    "summary",
]
