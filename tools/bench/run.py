#!/usr/bin/env python3
"""Runs our engine and off-the-shelf solvers on the same instances and writes the results as JSON lines.

    run.py --gpumarket PATH --tools FOLDER --out results.jsonl [--families S,M] [--seeds 1,2] [--peers highs,scip,cpsat]

Each line: family, seed, peer, seconds, welfare, bound, gap. Ours stand at 1, 10 and 60 seconds of a run with effort
`quick`, `standard` and `thorough`, reading not counted, and with all VCG payments; `curve` has every improvement. One
thing runs at a time.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

from families import instance

def run_ours(gpumarket, path, effort, pricing):
    command = [gpumarket, "solve", path, "--effort", effort, "--pricing", pricing, "--improvements", "--json"]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0)
        errors.seek(0)
        if status != 0:
            sys.exit(f"{path}: gpumarket ended with {status}: {errors.read()[-500:]}")
        curve = [json.loads(line) for line in errors if line.startswith("{")]
        return json.load(output), curve, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def at(curve, seconds, answer):
    """The last improvement by then; the answer itself where it ended earlier."""
    if answer["seconds"] <= seconds:
        return answer["welfare"], answer["bound"], answer["seconds"]
    seen = [point for point in curve if point["seconds"] <= seconds]
    if not seen:
        return None
    return seen[-1]["welfare"], seen[-1]["bound"], seconds


def offers(instance_path, answer):
    """What each company's awards are worth to it, micro-dollars."""
    book = json.load(open(instance_path))
    bids = {bid["id"]: bid for bid in book["bids"]}
    offered = {}
    for award in answer["awards"]:
        bid = bids[award["bid"]]
        if "placement" in award:
            placement = bid["placements"][award["placement"]]
            worth = placement["value"] * award["gpus"] // placement["uses"][0][3]
        else:
            worth = bid["curve"][award["curve"]]["steps"][award["step"]][1] * award["gpus"]
        offered[bid["company"]] = offered.get(bid["company"], 0) + worth
    return offered


def widths(instance_path, before, answer):
    """How wide the intervals of payments are, and how many are exact.

    `total_width` is that of all money together; `start_width` the mean against the allocation with which pricing began
    (`before`), as if none of those found while pricing had been adopted: what an engine that adopts none reports. There is
    no such figure where some high end is below the bid.
    """
    offered, payments = offers(instance_path, answer), answer["payments"]
    discounts = []
    for company, offer in offers(instance_path, before).items():
        if company in payments:
            without = payments[company]["low"] + answer["welfare"] - offered[company]
            discounts.append(min(1.0, max(0.0, (before["welfare"] - without) / max(1, offer))))
    if any(payment["high"] < offered[company] for company, payment in payments.items()):
        discounts = None
    return dict(
        exact=sum(p["exact"] for p in payments.values()), companies=len(payments), mean_width=answer["mean_width"] or 0.0,
        total_width=sum(p["high"] - p["low"] for p in payments.values()) / max(1, sum(offered.values())),
        start_width=sum(discounts) / max(1, len(discounts)) if discounts is not None else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpumarket", required=True)
    parser.add_argument("--tools", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--folder", default=".build/bench")
    parser.add_argument("--families", default="S,M,L,XL,XXL")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--efforts", default="quick,standard,thorough")
    parser.add_argument("--peers", default="highs,scip,cpsat")
    parser.add_argument("--peer-families", default="S,M,L")
    parser.add_argument("--peer-seeds", default="1")
    parser.add_argument("--limit", type=float, default=60)
    a = parser.parse_args()
    out = open(a.out, "a")

    def record(**facts):
        print(json.dumps(facts), file=out, flush=True)
        brief = {k: v for k, v in facts.items() if k != "curve"}
        print(json.dumps(brief), flush=True)

    for family in a.families.split(","):
        for seed in map(int, a.seeds.split(",")):
            path = instance(a.tools, a.folder, family, seed)
            for effort, seconds in (("quick", 1), ("standard", 10), ("thorough", 60)):
                if effort not in a.efforts.split(","):
                    continue
                answer, curve, cpu, peak = run_ours(a.gpumarket, path, effort, "none")
                if effort == "quick":
                    first = answer
                point = at(curve, seconds, answer)
                if point:
                    welfare, bound, took = point
                    record(family=family, seed=seed, peer=f"ours {seconds} s", seconds=took, welfare=welfare, bound=bound,
                           gap=(bound - welfare) / max(1, welfare))
                record(family=family, seed=seed, peer=f"ours, {effort}", seconds=answer["seconds"],
                       welfare=answer["welfare"], bound=answer["bound"], gap=answer["gap"], cpu_seconds=round(cpu, 2),
                       peak_mb=peak // 1024, **({"curve": curve} if effort == "thorough" else {}))
            if family in ("S", "M", "L", "XL") and "quick" in a.efforts.split(","):
                priced, _, _, _ = run_ours(a.gpumarket, path, "quick", "vcg")
                record(family=family, seed=seed, peer="ours, VCG", seconds=priced["seconds"], welfare=priced["welfare"],
                       bound=priced["bound"], gap=priced["gap"], **widths(path, first, priced))
            if family not in a.peer_families.split(",") or str(seed) not in a.peer_seeds.split(","):
                continue
            for peer in filter(None, a.peers.split(",")):
                vcg = ["--vcg"] if family == "S" and peer == "highs" else []
                done = subprocess.run(
                    [".venv/checkers/bin/python", f"{a.tools}/peers.py", path, "--solver", peer, "--limit", str(a.limit),
                     "--threads", "2", *vcg], capture_output=True, text=True)
                lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
                if not lines:
                    print(f"{peer} on {path} failed: {done.stderr[-300:]}", file=sys.stderr)
                    continue
                facts = json.loads(lines[-1])
                record(family=family, seed=seed, peer=peer, seconds=facts["seconds"], welfare=facts["welfare"],
                       bound=facts["bound"], gap=0.0 if facts["proven"] else facts["gap"], **({"vcg_seconds": facts["vcg_seconds"]} if vcg else {}))


main()
