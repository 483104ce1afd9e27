#!/usr/bin/env python3
"""Holds `gpumarket solve` against HiGHS on generated instances with every feature.

    .venv/checkers/bin/python tools/check_peers.py GPUMARKET TOOLS SEEDS

TOOLS is the folder with generate_instance.py and peers.py. Welfare must agree to the micro-dollar, and so must each
company's surplus under VCG (what it gains over paying its bid), which does not depend on which of several best
allocations was taken. Where HiGHS does not prove its optimum within a minute the seed is counted as skipped.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

gpumarket, tools, seeds = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
sys.path.insert(0, str(tools))
import peers  # noqa: E402


def ours(path):
    done = subprocess.run([gpumarket, "solve", path, "--pricing", "vcg", "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{path}: gpumarket ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def surplus(instance, answer):
    """Value of what each company holds less what it pays."""
    bids = {bid["id"]: bid for bid in instance["bids"]}
    left = {company: -payment["payment"] for company, payment in answer["payments"].items()}
    for award in answer["awards"]:
        bid = bids[award["bid"]]
        if "placement" in award:
            placement = bid["placements"][award["placement"]]
            worth = placement["value"] * award["gpus"] // placement["uses"][0][3]
        else:
            worth = bid["curve"][award["curve"]]["steps"][award["step"]][1] * award["gpus"]
        left[bid["company"]] += worth
    return left


checked = skipped = companies = 0
with tempfile.TemporaryDirectory() as folder:
    for seed in range(1, seeds + 1):
        path = f"{folder}/{seed}.json"
        size = ["--slots", str(8 + seed % 3 * 4), "--pools", str(1 + seed % 3), "--bids", str(18 + seed % 4 * 8)]
        subprocess.run(
            [sys.executable, str(tools / "generate_instance.py"), "--rich", "--seed", str(seed), *size,
             "--companies", "5", "--nodes", "6", "-o", path], check=True)
        instance, answer = peers.load(path), ours(path)
        peers.check(instance, answer)
        model = peers.Model(instance)
        solution, _, proven = peers.highs(model, 60, 1)
        if not (proven and answer["proven"]):
            skipped += 1
            continue
        best = peers.welfare(model, solution)
        if best != answer["welfare"]:
            sys.exit(f"seed {seed}: welfare {answer['welfare']}, HiGHS {best}")
        for company, gain in surplus(instance, answer).items():
            without = peers.Model(instance, company)
            rest, _, sure = peers.highs(without, 60, 1)
            if sure and answer["payments"][company]["exact"] and gain != best - peers.welfare(without, rest):
                sys.exit(f"seed {seed}: {company} gains {gain}, HiGHS {best - peers.welfare(without, rest)}")
            companies += 1
        checked += 1
if checked == 0:
    sys.exit("no instance was proven by both: nothing was compared")
print(f"✔ peers: {checked} instances and {companies} VCG payments equal HiGHS, {skipped} not proven by both")
