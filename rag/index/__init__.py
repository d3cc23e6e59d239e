"""One index: a catalog that is the only truth, and the vectors and keywords derived from it."""
