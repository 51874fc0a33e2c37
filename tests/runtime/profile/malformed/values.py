"""Values of the wrong type, out of range, or not among the choices; keys that don't exist."""

from __future__ import annotations

from collections.abc import Sequence

from tests.runtime.profile.malformed.case import Case, added, bent
from tests.runtime.profile.samples import COMMAND, PREPARE

TYPES: Sequence[Case] = (
    bent("steps as text", "steps: 100", "steps: many", "train.steps", 'whole number, not "many"'),
    bent("steps in quotes", "steps: 100", 'steps: "100"', "train.steps", 'remove the quotes around "100"'),
    bent("steps as float", "steps: 100", "steps: 100.5", "train.steps", "whole number"),
    bent("steps in powers", "steps: 100", "steps: 1e3", "train.steps", "write 1000 instead of 1e3"),
    bent(
        "steps with underscore", "steps: 100", "steps: 1_000", "train.steps", 'write 1000 instead of "1_000"'
    ),
    bent("steps with commas", "steps: 100", "steps: 1,000", "train.steps", "write 1000"),
    bent("steps as boolean", "steps: 100", "steps: true", "train.steps", "not true"),
    bent("steps as list", "steps: 100", "steps: [100]", "train.steps", "whole number"),
    bent("steps as mapping", "steps: 100", "steps: {a: 1}", "train.steps", "whole number", at="steps: {"),
    bent("steps by YAML 1.1", "steps: 100", "steps: 1:40", "train.steps", "whole number"),
    bent("layers null", "layers: 2", "layers: null", "model.layers", "not null"),
    bent("batch as boolean", "batch: 8", "batch: yes", "train.batch", '"yes"'),
    bent(
        "rate as text",
        "learning_rate: 1.0e-3",
        "learning_rate: fast",
        "train.optimizer.learning_rate",
        "a number",
    ),
    bent(
        "rate as boolean",
        "learning_rate: 1.0e-3",
        "learning_rate: false",
        "train.optimizer.learning_rate",
        "false",
    ),
    bent("model as text", "model:\n", "model: olmo\nignored:\n", "model", "section", at="model: olmo"),
    bent(
        "train as number",
        "train:\n  steps: 100",
        "train: 3\nignored:\n  steps: 100",
        "train",
        "section",
        at="train: 3",
    ),
    bent(
        "sources as text",
        "  sources:\n    - builtin: python-stdlib\n",
        "  sources: texts\n",
        "data.sources",
        "list",
    ),
    bent("source as text", "- builtin: python-stdlib", "- texts", "data.sources.0", "section"),
    added("name as number", "name: 1234\n", "name", 'put it in quotes: "1234"'),
    added("description as list", "description: [a]\n", "description", "text"),
    added("env as list", "  env: [A, B]\n", "launch.env", "section"),
    added("env value a number", "  env: {OMP_NUM_THREADS: 4}\n", "launch.env.OMP_NUM_THREADS", "text"),
    added("env value a boolean", "  env: {FLAG: true}\n", "launch.env.FLAG", "text"),
    added("gpus as number", "  gpus: 2\n", "launch.gpus", "list"),
    added("gpus as text", "  gpus: [zero, one]\n", "launch.gpus.0", "whole number"),
    bent(
        "deterministic as text",
        "steps: 100",
        'steps: 100\n  deterministic: "no"',
        "train.deterministic",
        "true or false",
    ),
    bent(
        "deterministic as no",
        "steps: 100",
        "steps: 100\n  deterministic: no",
        "train.deterministic",
        "true or false",
    ),
    bent(
        "deterministic as number",
        "steps: 100",
        "steps: 100\n  deterministic: 1",
        "train.deterministic",
        "not 1",
    ),
)

RANGES: Sequence[Case] = (
    bent("negative steps", "steps: 100", "steps: -5", "train.steps", "at least 1, not -5"),
    bent("no steps", "steps: 100", "steps: 0", "train.steps", "at least 1"),
    bent("negative tokens", "steps: 100", "tokens: -1", "train.tokens", "at least 1"),
    bent("no epochs", "steps: 100", "epochs: 0", "train.epochs", "greater than 0"),
    bent("huge integer", "steps: 100", f"steps: {10**30}", "train.steps", "too large"),
    bent("integer of 5,000 digits", "steps: 100", f"steps: {'9' * 5000}", "train.steps", "too large"),
    bent("hexadecimal of 5,000 digits", "steps: 100", f"steps: 0x{'f' * 5000}", "train.steps", "too large"),
    bent(
        "float overflow",
        "learning_rate: 1.0e-3",
        "learning_rate: 1e999",
        "train.optimizer.learning_rate",
        "too large",
    ),
    bent(
        "float underflow",
        "learning_rate: 1.0e-3",
        "learning_rate: 1e-999",
        "train.optimizer.learning_rate",
        "than 0",
    ),
    bent(
        "rate NaN", "learning_rate: 1.0e-3", "learning_rate: .nan", "train.optimizer.learning_rate", "finite"
    ),
    bent(
        "rate infinite",
        "learning_rate: 1.0e-3",
        "learning_rate: .inf",
        "train.optimizer.learning_rate",
        "finite",
    ),
    bent(
        "rate minus infinity",
        "learning_rate: 1.0e-3",
        "learning_rate: -.INF",
        "train.optimizer.learning_rate",
        "finite",
    ),
    bent(
        "rate nan without a dot",
        "learning_rate: 1.0e-3",
        "learning_rate: nan",
        "train.optimizer.learning_rate",
        "nan",
    ),
    bent("rate zero", "learning_rate: 1.0e-3", "learning_rate: 0", "train.optimizer.learning_rate", "than 0"),
    bent(
        "rate negative",
        "learning_rate: 1.0e-3",
        "learning_rate: -1e-3",
        "train.optimizer.learning_rate",
        "than 0",
    ),
    bent("no layers", "layers: 2", "layers: 0", "model.layers", "at least 1"),
    bent("layers beyond reason", "layers: 2", "layers: 99999999", "model.layers", "at most"),
    bent("dropout one", "layers: 2", "layers: 2\n  dropout: 1.0", "model.dropout", "less than 1"),
    bent("dropout negative", "layers: 2", "layers: 2\n  dropout: -0.1", "model.dropout", "at least 0"),
    bent(
        "holdout in percent",
        "sequence_length: 64",
        "sequence_length: 64\n  holdout: 2",
        "data.holdout",
        "less than 1",
    ),
    bent(
        "sequence of one", "sequence_length: 64", "sequence_length: 1", "data.sequence_length", "at least 2"
    ),
    bent(
        "warm-up negative",
        "warmup_steps: 10",
        "warmup_steps: -1",
        "train.schedule.warmup_steps",
        "at least 0",
    ),
    bent(
        "minimum above peak",
        "warmup_steps: 10",
        "minimum_ratio: 1.5",
        "train.schedule.minimum_ratio",
        "at most 1",
    ),
    bent("one beta", "learning_rate: 1.0e-3", "betas: [0.9]", "train.optimizer.betas", "too few"),
    bent(
        "three betas",
        "learning_rate: 1.0e-3",
        "betas: [0.9, 0.95, 0.99]",
        "train.optimizer.betas",
        "more than 2",
    ),
    bent("beta one", "learning_rate: 1.0e-3", "betas: [0.9, 1.0]", "train.optimizer.betas.1", "less than 1"),
    bent(
        "save every 0 steps",
        "  every_steps: 50\nevaluate",
        "  every_steps: 0\nevaluate",
        "checkpoint.every_steps",
        "at least 1",
        at="every_steps: 0",
    ),
    bent("keep none", "checkpoint:\n", "checkpoint:\n  keep_last: 0\n", "checkpoint.keep_last", "at least 1"),
    bent("evaluate no batches", "evaluate:\n", "evaluate:\n  batches: 0\n", "evaluate.batches", "at least 1"),
    bent("no processes", "processes: 2", "processes: 0", "launch.processes", "at least 1"),
    bent("a million processes", "processes: 2", "processes: 1000000", "launch.processes", "at most 1024"),
    bent(
        "a billion tokens in the vocabulary",
        "      vocabulary_size: 512",
        "      vocabulary_size: 1000000000",
        "data.tokenizer.train.vocabulary_size",
        "at most 16777216",
        at="vocabulary_size: 1000000000",
    ),
    added("negative restarts", "  max_restarts: -1\n", "launch.max_restarts", "at least 0"),
    added("hang limit zero", "  hang: {step: 0}\n", "launch.hang.step", "greater than 0"),
    added("negative GPU", "  gpus: [-1, 0]\n", "launch.gpus.0", "at least 0"),
    added("mfu in percent", "plan: {mfu: 40}\n", "plan.mfu", "at most 1"),
    added(
        "negative price", "plan: {price_per_device_hour: -1}\n", "plan.price_per_device_hour", "at least 0"
    ),
    added("unheard-of section", "weather: 1\n", "weather", "no such key"),
    bent(
        "tokenizer below bytes",
        "      vocabulary_size: 512",
        "      vocabulary_size: 100",
        "data.tokenizer.train.vocabulary_size",
        "at least 257",
    ),
    bent(
        "no sources",
        "  sources:\n    - builtin: python-stdlib\n",
        "  sources: []\n",
        "data.sources",
        "one entry",
    ),
    bent("empty argv", "[python3, train.py]", "[]", "command.argv", "one entry", at="argv", base=COMMAND),
    bent(
        "empty program", "[python3, train.py]", '["", x]', "command.argv.0", "empty", at="argv", base=COMMAND
    ),
    bent("empty path", "path: texts", 'path: ""', "data.sources.0.path", "not be empty", base=PREPARE),
)

CHOICES: Sequence[Case] = (
    bent("no job", "job: pretrain\n", "description: x\n", "job", "missing", at="description: x"),
    bent("unknown job", "job: pretrain", "job: pretain", "job", "did you mean pretrain?"),
    bent("job not yet there", "job: pretrain", "job: finetune", "job", "not available in this version"),
    bent("job sweep", "job: pretrain", "job: sweep", "job", "not available in this version"),
    bent(
        "unknown architecture",
        "architecture: olmo2",
        "architecture: olmo3",
        "model.architecture",
        "did you mean olmo",
    ),
    bent(
        "architecture in capitals",
        "architecture: olmo2",
        "architecture: GPT2",
        "model.architecture",
        "mean gpt2?",
    ),
    bent("no architecture", "  architecture: olmo2\n", "", "model.architecture", "missing", at="model:"),
    bent("no layers key", "  layers: 2\n", "", "model.layers", "missing", at="model:"),
    added(
        "strategy fsdp", "parallel: {strategy: fsdp}\n", "parallel.strategy", "not available in this version"
    ),
    added("strategy deepspeed", "parallel: {strategy: deepspeed}\n", "parallel.strategy", "not available"),
    added("unknown strategy", "parallel: {strategy: dpp}\n", "parallel.strategy", "did you mean ddp?"),
    added("engine slurm", "  engine: slurm\n", "launch.engine", "not available in this version"),
    added("unknown engine", "  engine: docker\n", "launch.engine", "must be local"),
    added("unknown device", "  device: gpu\n", "launch.device", "must be one of auto, cpu, cuda"),
    bent(
        "fp16",
        "steps: 100",
        "steps: 100\n  precision: fp16",
        "train.precision",
        "not available in this version",
    ),
    bent(
        "unknown precision",
        "steps: 100",
        "steps: 100\n  precision: bfloat",
        "train.precision",
        "float32, bf16",
    ),
    bent(
        "unknown optimizer", "learning_rate: 1.0e-3", "name: adamv", "train.optimizer.name", "must be adamw"
    ),
    bent(
        "unknown schedule", "warmup_steps: 10", "name: cosin", "train.schedule.name", "did you mean cosine?"
    ),
    bent(
        "unknown builtin",
        "builtin: python-stdlib",
        "builtin: wikipedia",
        "data.sources.0.builtin",
        "python-stdlib",
    ),
    added("guard skips", "guard: {non_finite: skip}\n", "guard.non_finite", "not available in this version"),
    added("unknown section", "trian:\n  steps: 1\n", "trian", "did you mean train?", at="trian"),
    added("tracking", "track: {wandb: true}\n", "track", "not available in this version"),
    bent("unknown key", "steps: 100", "stpes: 100", "train.stpes", "did you mean steps?"),
    bent(
        "key in the wrong section",
        "steps: 100",
        "steps: 100\n  learning_rate: 1e-3",
        "train.learning_rate",
        "did you mean train.optimizer.learning_rate?",
    ),
    bent(
        "camel case",
        "context_length: 128",
        "contextLength: 128",
        "model.contextLength",
        "mean context_length?",
    ),
    bent(
        "hyphen",
        "learning_rate: 1.0e-3",
        "learning-rate: 1e-3",
        "train.optimizer.learning-rate",
        "learning_rate?",
    ),
    bent(
        "adapter",
        "layers: 2",
        "layers: 2\n  adapter: {lora: 8}",
        "model.adapter",
        "not available in this version",
    ),
    bent(
        "nothing near", "steps: 100", "steps: 100\n  zzzz: 1", "train.zzzz", "there is no such key", at="zzzz"
    ),
    bent(
        "markup as a key",
        "steps: 100",
        'steps: 100\n  "[red]x[/red]": 1',
        "train.[red]x[/red]",
        "no such key",
    ),
    added("shape of a name", "name: My Run\n", "name", "lower-case"),
    added("name with a slash", "name: ../../etc/passwd\n", "name", "lower-case"),
    added("name too long", f"name: {'a' * 60}\n", "name", "48"),
    added("currency", "plan: {currency: dollars}\n", "plan.currency", "three capital letters"),
    bent(
        "metric's name", "checkpoint:\n", "checkpoint:\n  keep_best: loss\n", "checkpoint.keep_best", "metric"
    ),
    bent(
        "absolute pattern",
        "path: texts",
        'path: texts\n      include: ["/etc/*"]',
        "data.sources.0.include.0",
        "pattern",
        base=PREPARE,
    ),
    bent(
        "pattern that climbs",
        "path: texts",
        'path: texts\n      exclude: ["../*"]',
        "data.sources.0.exclude.0",
        "pattern",
        base=PREPARE,
    ),
)
