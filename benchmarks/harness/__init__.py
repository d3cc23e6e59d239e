"""What all benchmarks share: runs, figures, checks, corpora, plots."""
