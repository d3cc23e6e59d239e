"""Evaluation: test data, a value for each question and metric, confidence intervals, reports."""
