"""Reports: a TrialResult as tables, figures and one page that a clinician can check and print."""
