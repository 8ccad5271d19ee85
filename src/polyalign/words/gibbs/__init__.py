"""The Bayesian aligner: collapsed Gibbs sampling, several granularities together."""
