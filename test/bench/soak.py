#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Steady load for a long time: memory, descriptors and lag must not grow.

Publishes at a fixed rate to good and bad receivers, samples the server, and fails when the last third of the
run is worse than the middle third by more than noise: 10 % and 16 MiB of memory, 10 % and 50 descriptors.
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

RATE, SAMPLE_S = 2000, 2.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-", dir=options.build))
    server = Server(options.build / "grapnel", folder, "--store.segment_messages=50000", "--deliver.retry=1s,5s",
                    "--store.retention=1h")
    server.make_token()
    server.start()
    sink = Sink(options.build / "test" / "bench" / "bench_sink")
    api = Api(server)
    apps = [api.application(f"soak {i}", sink.url if i % 10 else "http://127.0.0.1:9/hook") for i in range(100)]
    (folder / "apps").write_text("\n".join(apps) + "\n")
    seconds = options.minutes * 60
    load = subprocess.Popen([options.build / "grapnel", "bench", f"--url=http://{server.address}",
                             f"--token={server.token}", f"--apps-file={folder / 'apps'}", f"--rate={RATE}",
                             f"--duration={int(seconds)}s"])
    samples = []
    done = threading.Event()
    threading.Thread(target=lambda: (load.wait(), done.set()), daemon=True).start()
    while not done.wait(SAMPLE_S):
        samples.append((server.rss_bytes(), server.descriptors()))
        if len(samples) % 15 == 0:
            print(f"  {len(samples) * SAMPLE_S / 60:.1f} min: {samples[-1][0] / 2**20:.0f} MiB, "
                  f"{samples[-1][1]} descriptors", flush=True)
    third = len(samples) // 3
    wrong = []
    for at, name, slack in ((0, "memory (bytes)", 16 << 20), (1, "descriptors", 50)):
        middle = statistics.median(s[at] for s in samples[third:2 * third])
        last = statistics.median(s[at] for s in samples[2 * third:])
        print(f"{name}: {middle:,.0f} in the middle third, {last:,.0f} in the last")
        if last > middle * 1.1 + slack:
            wrong.append(name)
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
