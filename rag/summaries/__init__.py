"""What summaries are made with: pieces that fit a model, calls that are never made twice, sentences that can be followed back."""
