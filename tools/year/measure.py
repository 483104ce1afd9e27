"""Runs a command; prints its wall time and the most memory it and its children held, after a label."""
import resource
import subprocess
import sys
import time

label, command = sys.argv[1], sys.argv[2:]
start = time.monotonic()
done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
seconds = time.monotonic() - start
megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"  {label:<44}{seconds:8.2f} s {megabytes:8.0f} MB")
if done.returncode != 0:
    sys.stderr.write(done.stderr.decode()[-2000:])
sys.exit(done.returncode)
