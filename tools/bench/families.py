"""The instances that benchmarks run on, by the arguments of generate_instance.py."""
import pathlib
import subprocess
import sys

FAMILIES = {
    "S": "--slots 24 --pools 2 --companies 20 --bids 120 --nodes 32",
    "M": "--slots 48 --pools 3 --companies 40 --bids 400 --nodes 64",
    "L": "--slots 168 --pools 3 --companies 60 --bids 1000 --nodes 64",
    "XL": "--slots 168 --pools 6 --companies 100 --bids 5000 --nodes 256",
    "XXL": "--slots 168 --pools 6 --companies 500 --bids 50000 --nodes 2048",
    "million": "--slots 168 --pools 6 --companies 500 --bids 1000000 --nodes 40960",
}


def instance(tools, folder, family, seed, rich=False):
    """The path of an instance, generated the first time."""
    path = pathlib.Path(folder) / f"{family}-{seed}{'-rich' if rich else ''}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        arguments = FAMILIES[family].split() + (["--rich"] if rich else [])
        subprocess.run(
            [sys.executable, str(pathlib.Path(tools) / "generate_instance.py"), "--seed", str(seed), *arguments, "-o", str(new)],
            check=True)
        new.rename(path)
    return str(path)
