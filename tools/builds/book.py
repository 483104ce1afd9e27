#!/usr/bin/env python3
"""Writes an instance with every feature: curves, links, caps, reserves, smaller minimums, several uses.

    book.py SLOTS BIDS >book.json

Bids are worth nearly the same for what they take, so that larger books stay open. The same arguments give the same bytes.
"""
import json
import random
import sys

slots, count = map(int, sys.argv[1:3])
draw = random.Random(7)
pools = [{"name": f"p{n}", "capacity": [48 - 8 * (slot % 5 == n) for slot in range(slots)], "reserve": 400} for n in range(3)]
bids = []
for number in range(count):
    bid = {"id": f"b{number}", "company": f"c{number % 11}"}
    if number % 9 == 8:
        bid["curve"] = [
            {"pool": 1, "slot": slot, "steps": [[4, 1200 + draw.randrange(50)], [8, 900 + draw.randrange(50)]]}
            for slot in range(number % slots, min(slots, number % slots + 4))]
    else:
        length, gpus = draw.randint(2, min(14, slots)), 4 * draw.randint(1, 5)
        bid["placements"] = []
        for _ in range(5):
            pool, first = draw.randrange(3), draw.randint(0, slots - length)
            uses = [[pool, first, length, gpus]]
            if number % 13 == 0:
                uses.append([(pool + 1) % 3, first, length, gpus])
            placement = {"value": length * gpus * len(uses) * draw.randint(1000, 1100), "uses": uses}
            if number % 7 == 0 and len(uses) == 1:
                placement["min_gpus"] = gpus // 2
            bid["placements"].append(placement)
        if number % 10 == 5 and number >= 11:
            bid["parent"] = f"b{number - 11}"
    bids.append(bid)
caps = [{"company": "c3", "pool": 0, "gpus": 24}, {"company": "c5", "pool": 2, "gpus": 16}]
json.dump({"name": f"{slots} slots, {count} bids", "slot_minutes": 60, "pools": pools, "caps": caps, "bids": bids}, sys.stdout)
