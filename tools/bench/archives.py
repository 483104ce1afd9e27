#!/usr/bin/env python3
"""Runs our engine on the CATS and MMKP files, HiGHS beside it on CATS, and adds the results as JSON lines.

    archives.py --gpumarket PATH --tools FOLDER --data FOLDER --out results.jsonl [--peers highs]

CATS: the files whose optimum is known (optima.csv), which our answer must equal. MMKP: values of the problem itself.
"""
import argparse
import csv
import gzip
import json
import pathlib
import subprocess
import sys


def ours(gpumarket, path, effort):
    done = subprocess.run([gpumarket, "solve", str(path), "--effort", effort, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{path}: gpumarket ended with {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def lift(path):
    """What our reader adds to the tenfold value of every item of an MMKP file, and the number of groups."""
    words = gzip.open(path, "rt").read().split()
    groups, items, resources = map(int, words[:3])
    place, total = 3 + resources, 1
    for _ in range(groups):
        place += 1
        values = [round(10 * float(words[place + i * (resources + 1)])) for i in range(items)]
        total += max(values)
        place += items * (resources + 1)
    return total * groups


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpumarket", required=True)
    parser.add_argument("--tools", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--peers", default="highs")
    a = parser.parse_args()
    out = open(a.out, "a")

    def record(**facts):
        print(json.dumps(facts), file=out, flush=True)
        print(json.dumps(facts), flush=True)

    folder = pathlib.Path(a.data) / "cats"
    for row in csv.DictReader(open(folder / "optima.csv")):
        if row["status"] != "optimal":
            continue
        name = row["file"].removesuffix(".txt.gz")
        answer = ours(a.gpumarket, folder / row["file"], "thorough")
        if answer["proven"] and answer["welfare"] != int(row["value"]):
            sys.exit(f"{name}: proven {answer['welfare']}, but the optimum is {row['value']}")
        record(family="CATS", file=name, peer="ours", seconds=answer["seconds"], welfare=answer["welfare"],
               bound=answer["bound"], proven=answer["proven"])
        if "highs" in a.peers.split(","):
            done = subprocess.run(
                [".venv/checkers/bin/python", f"{a.tools}/peers.py", str(folder / row["file"]), "--solver", "highs",
                 "--limit", "120", "--threads", "2"], capture_output=True, text=True)
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            if not lines:
                sys.exit(f"HiGHS on {name} failed: {done.stderr[-300:]}")
            facts = json.loads(lines[-1])
            record(family="CATS", file=name, peer="highs", seconds=facts["seconds"], welfare=facts["welfare"],
                   bound=facts["bound"], proven=facts["proven"])
    folder = pathlib.Path(a.data) / "mmkp"
    for row in csv.DictReader(open(folder / "reference.csv")):
        path = folder / f"{row['instance']}.txt.gz"
        answer = ours(a.gpumarket, path, "thorough")
        above = lift(path)
        record(family="MMKP", file=row["instance"], peer="ours", seconds=answer["seconds"],
               welfare=answer["welfare"] - above, bound=answer["bound"] - above, proven=answer["proven"],
               published=float(row["published_value"]))


main()
