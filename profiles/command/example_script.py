"""A toy training script: fits a line to noisy points by gradient descent, for a minute, without any library.

The two lines that count are the import and the call of `log`. Outside of a run `log` does nothing, so the
script still runs by itself.
"""

import random
import time

from runtime.run import log

STEPS = 300
LEARNING_RATE = 0.02
SECONDS_A_STEP = 0.2


def main() -> None:
    chance = random.Random(0)
    slope, intercept = 0.0, 0.0
    for step in range(1, STEPS + 1):
        points = [
            (x, 3.0 * x - 1.0 + chance.gauss(0.0, 0.2)) for x in (chance.uniform(-1, 1) for _ in range(16))
        ]
        errors = [slope * x + intercept - y for x, y in points]
        loss = sum(error * error for error in errors) / len(errors)
        slope -= (
            LEARNING_RATE
            * sum(2 * error * x for error, (x, _) in zip(errors, points, strict=True))
            / len(points)
        )
        intercept -= LEARNING_RATE * sum(2 * error for error in errors) / len(errors)
        log(step, {"train/loss": loss, "model/slope": slope, "model/intercept": intercept})
        print(f"step {step}: loss {loss:.4f}", flush=True)
        time.sleep(SECONDS_A_STEP)


if __name__ == "__main__":
    main()
