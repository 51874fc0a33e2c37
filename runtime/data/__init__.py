"""Text to tokens: sources, tokenizers, packed token shards, the order in which a training run reads them.

Nothing here imports torch: batches are numpy arrays, which `torch.from_numpy` takes without a copy.
"""
