"""Finding, refusing and checking, on sets that the constants were not fitted on."""
