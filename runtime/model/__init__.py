"""Model architectures: transformers' own causal language models, built from a profile's numbers.

Import `runtime.model.build` for the models; this package itself imports nothing heavy.
"""
