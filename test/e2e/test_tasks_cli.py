# SPDX-License-Identifier: Apache-2.0
"""grapnel recover, replay and task: counted first, followed to the end, left running when one leaves."""
import re
import signal
import subprocess

from conftest import binary, wait_until


def failed(server, receiver, count=3):
    """An application with deliveries that were given up; the receiver is well by then."""
    app = server.application("Acme", uid="acme")
    server.endpoint(app, receiver.url)
    for _ in range(count):
        server.publish(app)
    wait_until(lambda: len(server.ok("GET", f"/app/{app}/delivery?state=fail")["data"]) == count, "all to be given up")
    receiver.answers = [204]
    return app


def flags(server):
    return f"--url={server.url}", f"--token={server.token}"


def states(server, app):
    return {d["statusText"] for d in server.ok("GET", f"/app/{app}/delivery")["data"]}


def test_recover_counts_first_and_sends_only_when_told(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=20ms", "deliver.breaker_failures=1000")
    app = failed(server, make_receiver(500))
    done = server.run("recover", "--app=acme", *flags(server))
    assert done.returncode == 0 and "3 deliveries match: 3 fail" in done.stdout and "Add --yes" in done.stdout, done
    assert states(server, app) == {"fail"}
    done = server.run("recover", "--app=acme", "--yes", *flags(server))
    assert done.returncode == 0 and re.search(r"bulk\.recover +finished +3 of 3 done, 0 failed", done.stdout), done
    wait_until(lambda: states(server, app) == {"success"}, "all to arrive")
    done = server.run("recover", "--app=acme", "--yes", *flags(server))
    assert done.returncode == 0 and done.stdout.startswith("0 deliveries match") and "started" not in done.stdout
    assert server.run("recover", "--app=nosuch", *flags(server)).returncode == 1
    assert server.run("recover", "--app=acme", "--rate=0", *flags(server)).returncode == 2
    assert "3 deliveries match: 3 success" in server.run("replay", "--app=acme", "--last=1h", *flags(server)).stdout


def test_a_task_goes_on_when_one_leaves_and_is_steered_by_its_id(make_grapnel, make_receiver):
    server = make_grapnel().serve("deliver.retry=20ms", "deliver.breaker_failures=1000")
    failed(server, make_receiver(500), 4)
    with subprocess.Popen([binary(), "recover", "--app=acme", "--yes", "--rate=1", *flags(server)], env=server.env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as leaving:
        [task] = re.findall(r"started (qtask_\w+)", "".join(leaving.stdout.readline() for _ in range(3)))
        leaving.send_signal(signal.SIGINT)
        _, words = leaving.communicate()
    assert leaving.returncode == 0 and f"grapnel task cancel {task}" in words
    assert "running" in server.run("task", "list", "--status=running", *flags(server)).stdout
    assert "paused" in server.run("task", "pause", task, *flags(server)).stdout
    assert ", 5 a second" in server.run("task", "rate", task, "5", *flags(server)).stdout
    assert "running" in server.run("task", "resume", task, *flags(server)).stdout
    assert "cancel" in server.run("task", "cancel", task, *flags(server)).stdout
    wait_until(lambda: "canceled" in server.run("task", "show", task, *flags(server)).stdout, "its end")
    done = server.run("task", "pause", task, *flags(server))
    assert done.returncode == 1 and "has ended" in done.stderr
    assert server.run("task", "rate", task, "fast", *flags(server)).returncode == 2
    assert server.run("task", "stop", task, *flags(server)).returncode == 2
