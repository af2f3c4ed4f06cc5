#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Steady load for a long time: memory, descriptors and lag must not grow.

Publishes at a fixed rate (by default half of the 18,000 a second that are promised end to end) to good receivers and
to some that refuse every second time (dead ones would keep their segments for ever), samples the server, and fails
when the last third of the run is worse than the middle third by more than noise: 10 % and 16 MiB of memory, 10 % and
50 descriptors, 10 % and 256 MiB on disk once the retention time has passed. A run too short for that says so.
"""
import argparse
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import Api, Server, Sink  # noqa: E402

RATE, SAMPLE_S, RETENTION_MIN = 9000, 2.0, 10
NOISE = {"memory (bytes)": 16 << 20, "descriptors": 50, "disk (bytes)": 256 << 20}


def sample(server):
    stored = 0
    for file in (server.folder / "store").rglob("*"):
        try:
            stored += file.stat().st_size
        except FileNotFoundError:
            pass  # a segment that was just removed
    return {"memory (bytes)": server.rss_bytes(), "descriptors": server.descriptors(), "disk (bytes)": stored}


def show(minutes, now):
    print(f"  {minutes:5.1f} min: {now['memory (bytes)'] / 2**20:6.1f} MiB, {now['descriptors']} descriptors, "
          f"{now['disk (bytes)'] / 2**30:5.1f} GiB on disk", flush=True)


def grown(samples, minutes):
    """The names of what the last third of the run has more of than the middle third."""
    third, names = len(samples) // 3, []
    for name, noise in NOISE.items():
        middle = statistics.median(s[name] for s in samples[third:2 * third])
        last = statistics.median(s[name] for s in samples[2 * third:])
        print(f"{name}: {middle:,.0f} in the middle third, {last:,.0f} in the last")
        if name.startswith("disk") and minutes < 3 * 1.5 * RETENTION_MIN:
            print("  (too short a run to see the disk level off)")
        elif last > middle * 1.1 + noise:
            names.append(name)
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=RATE, help="messages a second")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-", dir=options.build))
    server = Server(options.build / "grapnel", folder, "--store.segment_messages=200000", "--deliver.retry=1s,5s,20s,60s",
                    "--deliver.breaker_failures=1000", f"--store.retention={RETENTION_MIN}m", "--store.idempotency=5m")
    server.make_token()
    server.start()
    sink = Sink(options.build / "test" / "bench" / "bench_sink")
    api = Api(server)
    apps = [api.application(f"soak {i}", sink.url if i % 10 else sink.flaky_url) for i in range(100)]
    (folder / "apps").write_text("\n".join(apps) + "\n")
    seconds = options.minutes * 60
    load = subprocess.Popen([options.build / "grapnel", "bench", f"--url=http://{server.address}",
                             f"--token={server.token}", f"--apps-file={folder / 'apps'}", f"--rate={options.rate}",
                             f"--duration={int(seconds)}s"])
    samples = []
    done = threading.Event()
    threading.Thread(target=lambda: (load.wait(), done.set()), daemon=True).start()
    while not done.wait(SAMPLE_S):
        samples.append(sample(server))
        if len(samples) % 15 == 1:
            show(len(samples) * SAMPLE_S / 60, samples[-1])
    wrong = grown(samples, options.minutes)
    time.sleep(1)
    delivered, _ = sink.read()
    print(f"{delivered} delivered")
    code = server.stop()
    sink.stop()
    if wrong or load.returncode != 0 or code != 0:
        sys.exit(f"grew: {', '.join(wrong) or 'nothing'}; load ended {load.returncode}, server {code}; see {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
