"""Text to tokens: tokenizers, shards, order."""
