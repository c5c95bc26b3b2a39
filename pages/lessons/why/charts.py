"""Charts of sections 1 and 2: numbers in, Vega-Lite specifications out."""
