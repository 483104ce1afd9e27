#!/usr/bin/env python3
"""Writes the bundled job history, a week made up from published statistics, as CSV on standard output.

    tools/generate_history.py > data/history.csv

The same bytes on every machine: one seed, whole numbers only, no library but Python's own.

What the numbers stand on
- Run times: quantiles of Microsoft's ITP clusters (no job below 600 s) up to p90, above that the p99 of
  Philly; between two quantiles the geometric mean is taken again and again. The longest is five days, so
  that it can still run in the week.
- GPUs: the mean of the shares of jobs by GPUs in Philly, ITP and Helios Venus, with jobs above 64 GPUs left
  out and 64 raised to 6 in a thousand, so that a week holds a few.
- Jobs of 8 GPUs or more run longer in all three clusters; here they take the longer of two draws.
- Submissions follow working hours and weekdays, as Hu et al. describe; owners differ in size and in kind.

Sources
- Philly: Jeon et al., "Analysis of Large-Scale Multi-Tenant GPU Clusters for DNN Training Workloads",
  USENIX ATC 2019; github.com/msr-fiddle/philly-traces (CC BY 4.0).
- ITP: Gu et al., "ElasticFlow", ASPLOS 2023; github.com/microsoft/elasticflow-traces (MIT).
- Helios: Hu et al., "Characterization and Prediction of Deep Learning Workloads in Large-Scale GPU
  Datacenters", SC 2021; github.com/S-Lab-System-Group/HeliosData (CC BY 4.0).

The companies are invented; no row is a job of any of these clusters.
"""
from math import isqrt

SEED = 20261207
JOBS = 780
START = 1796601600  # 2026-12-07T00:00Z, a Monday
DAYS = 7

# (jobs of a thousand, seconds at that quantile)
DURATION_QUANTILES = [
    (0, 600), (100, 1342), (250, 3814), (500, 10537), (750, 16319), (900, 28787), (990, 254611), (1000, 432000)]
# GPUs, jobs of a thousand
SIZES = [(1, 680), (2, 32), (4, 47), (8, 186), (16, 40), (32, 9), (64, 6)]
# Submissions by hour of the day, UTC, relative; Saturday and Sunday count half.
HOURS = [3, 2, 2, 2, 2, 3, 4, 6, 8, 10, 11, 11, 10, 11, 12, 12, 11, 10, 8, 7, 6, 5, 4, 4]
# Company, relative number of jobs, whether it trains large models
OWNERS = [
    ("aldermoor-robotics", 22, True), ("brightwater-bio", 17, False), ("cobaltwing-ai", 14, True),
    ("dunmere-games", 11, False), ("elmstead-health", 9, False), ("fernhollow-labs", 8, True),
    ("glasswharf-energy", 7, False), ("harrowgate-vision", 5, False), ("inkwell-language", 4, True),
    ("juniper-climate", 3, False)]

MASK = (1 << 64) - 1


class SplitMix:
    """SplitMix64: Steele, Lea, Flood, OOPSLA 2014."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        """A whole number from 0 to limit - 1."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return ((z ^ (z >> 31)) * limit) >> 64

    def pick(self, weighted):
        """The index of an entry, by its weight."""
        left = self.below(sum(weighted))
        for index, weight in enumerate(weighted):
            left -= weight
            if left < 0:
                return index
        raise AssertionError("weights do not add up")


def duration(random):
    """Seconds; within a quantile band, halving by geometric means fourteen times."""
    share = random.below(1000)
    for (_, low), (upper, high) in zip(DURATION_QUANTILES, DURATION_QUANTILES[1:]):
        if share < upper:
            break
    for _ in range(14):
        middle = isqrt(low * high)
        low, high = (low, middle) if random.below(2) == 0 else (middle, high)
    return low


def gpu_type(random, gpus):
    """Large jobs ask for the faster type; many small ones take what there is."""
    return ["h100", "a100", ""][random.pick([70, 15, 15] if gpus >= 8 else [30, 30, 40])]


def jobs():
    random = SplitMix(SEED)
    sizes = [weight for _, weight in SIZES]
    for _ in range(JOBS):
        owner, _, trains = OWNERS[random.pick([weight for _, weight, _ in OWNERS])]
        size = random.pick(sizes)
        if trains:
            size = max(size, random.pick(sizes))
        gpus = SIZES[size][0]
        seconds = duration(random)
        if gpus >= 8:
            seconds = max(seconds, duration(random))
        day = random.pick([2 if day < 5 else 1 for day in range(DAYS)])
        hour = random.pick(HOURS)
        submit = START + day * 86400 + hour * 3600 + random.below(3600)
        yield submit, owner, gpus, seconds, gpu_type(random, gpus)


def main():
    print("job_id,owner,submit_unix,gpus,duration_s,gpu_type")
    for number, (submit, owner, gpus, seconds, kind) in enumerate(sorted(jobs()), 1):
        print(f"job-{number:04},{owner},{submit},{gpus},{seconds},{kind}")


if __name__ == "__main__":
    main()
