"""gilbench as a person or a script meets it: messages, exit codes, interrupts, what is kept. With the fake adapter a rep takes milliseconds."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from subjects import PARAMS

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(HOME, "build", "release")
GILBENCH = os.path.join(BUILD, "gilbench")
FAKE = "[run]\nreps = {reps}\nsamples = 2\nwarmup = 1\ntimeout_s = {timeout}\n[cpu_queens]\nmodels = {models}\nworkers = 1\nops = 20\n"


def gilbench(*args, env=None, **kwargs):
    env = {**os.environ, "PYTHON": sys.executable, "CI": "1", **(env or {})}
    return subprocess.run([GILBENCH, *map(str, args)], capture_output=True, text=True, timeout=120, env=env, **kwargs)


def matrix(folder, models="fake:good", reps=3, timeout=20):
    path = folder / "m.ini"
    path.write_text(FAKE.format(models=models, reps=reps, timeout=timeout))
    return path


def run(folder, *args, models="fake:good", reps=3, timeout=20):
    return gilbench("run", matrix(folder, models, reps, timeout), "-o", folder / "out", *args)


def results(folder):
    return json.loads((folder / "out" / "results.json").read_text())


def journal(folder):
    return [json.loads(line) for line in (folder / "out" / "journal.jsonl").read_text().splitlines()]


# ---- What goes well


def test_a_run_leaves_results_journal_and_a_table(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "fake:good" in done.stdout and "results.json" in done.stderr
    cell = results(tmp_path)["benchmarks"][0]
    assert [len(rep["samples"]) for rep in cell["reps"]] == [3, 3, 3]
    assert cell["summary"]["ops_per_s"]["n"] == 3
    assert cell["summary"]["ops_per_s"]["value"] == pytest.approx((20 / 1.01e-3 + 20 / 1.02e-3) / 2, rel=1e-9)
    assert len(journal(tmp_path)) == 4


def test_results_follow_the_schema(tmp_path):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    run(tmp_path, models="fake:good fake:bad_digest")
    with open(os.path.join(HOME, "results", "schema.json")) as file:
        jsonschema.validate(results(tmp_path), json.load(file))


def test_the_seed_decides_the_plan(tmp_path):
    orders = []
    for seed in (1, 1, 2):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        run(tmp_path, "--seed", seed, models="fake:good pthreads serial", reps=6)
        orders.append([line["cell"] for line in journal(tmp_path)[1:]])
    assert orders[0] == orders[1] != orders[2]


def test_list_topology_and_help():
    listed = gilbench("list")
    assert listed.returncode == 0 and "io_employee" in listed.stdout and "fake" not in listed.stdout
    assert "fake" in gilbench("list", "--all").stdout
    topology = gilbench("topology")
    assert topology.returncode == 0 and "Core" in topology.stdout and "allowed" in topology.stdout
    for verb in ("list", "topology", "run", "plot", "report"):
        shown = gilbench(verb, "--help")
        assert shown.returncode == 0 and "example:" in shown.stdout
    assert gilbench("--help").returncode == 0


def test_a_real_run_is_attested_and_bound(tmp_path):
    path = tmp_path / "m.ini"
    path.write_text(
        "[run]\nreps = 1\n[cpu_queens]\nmodels = promise:chain\nworkers = 1\nops = 8\n"
        "[io_employee]\nmodels = promise:await\nconcurrency = 2\nops = 110\ndelay_us = 100\n"
        "[io_echo]\nmodels = threads\nconcurrency = 2\nops = 100\n"
    )
    done = gilbench("run", path, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    cells = results(tmp_path)["benchmarks"]
    assert [cell["void"] for cell in cells] == ["", "", ""]
    for cell in cells:
        (rep,) = cell["reps"]
        assert rep["attest"]["affinity"] == rep["cpus_planned"] == rep["attest_at_end"]["affinity"]
        assert rep["peak_rss_b"] > 1 << 20 and rep["startup_ns"] > 0 and rep["pss_b"] > 1 << 20
        assert all(sample["usage"]["cpu_ns"] > 0 for sample in rep["samples"])
    assert cells[0]["reps"][0]["attest"]["loop"] == "cpromise.Loop"
    if len(os.sched_getaffinity(0)) > 1:
        assert cells[1]["reps"][0]["peer_cpus"] != cells[1]["reps"][0]["cpus_planned"]


def test_too_few_cores_are_said_and_labelled(tmp_path):
    path = tmp_path / "m.ini"
    path.write_text("[run]\nreps = 1\n[io_echo]\nmodels = pthreads\nconcurrency = 1\nops = 50\n")
    core = str(min(os.sched_getaffinity(0)))
    env = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(["taskset", "-c", core, GILBENCH, "run", path, "-o", tmp_path / "out"], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert "share cores" in done.stderr
    assert results(tmp_path)["benchmarks"][0]["reps"][0]["shared_core"] is True


# ---- What goes wrong in a child: VOID, with its reason, and the run goes on

VOIDS = [
    ("bad_digest", 6, "checksum: "),
    ("short", 6, "work: 19 ops were done, 20 were asked for"),
    ("wrong_loop", 6, "loop: the adapter attests 'some.OtherLoop', expected was 'none'"),
    ("crash", 1, "the adapter was killed by signal 11 (Segmentation fault)"),
    ("exit", 1, "the adapter ended with status 3"),
    ("garbage", 1, "garbage on the wire: 'sample ns=oops \\x01\\xff'"),
    ("overlong", 1, "a line of more than 65536 bytes"),
    ("fail", 1, "the adapter failed: the fake was asked to fail"),
]


@pytest.mark.parametrize("how, code, reason", VOIDS)
def test_a_child_that_misbehaves_voids_its_cell_only(tmp_path, how, code, reason):
    done = run(tmp_path, models=f"fake:{how} fake:good", reps=2)
    assert done.returncode == code, done.stderr
    bad, good = results(tmp_path)["benchmarks"]
    assert reason in bad["void"] and bad["summary"]["ops_per_s"] is None
    assert good["void"] == "" and good["summary"]["ops_per_s"]["n"] == 2
    assert "VOID" in done.stdout and "VOID" in done.stderr


CHEATS = "fake:other_seed fake:leaves_out fake:repeats fake:other_ops fake:renumbers"


def test_who_does_other_ops_is_void(tmp_path):
    """That each workload tells them apart is in test_adapters.py."""
    sections = (
        f"[{workload}]\nmodels = fake:good {CHEATS}\n" + "".join(f"{key} = {value}\n" for key, value in PARAMS[workload].items())
        for workload in ("cpu_fib", "shr_counter", "io_employee")
    )
    path = tmp_path / "m.ini"
    path.write_text("[run]\nreps = 1\nsamples = 1\nwarmup = 0\n" + "".join(sections))
    done = gilbench("run", path, "-o", tmp_path / "out")
    assert done.returncode == 6, done.stderr
    for cell in results(tmp_path)["benchmarks"]:
        assert ("checksum: " in cell["void"] or "work: " in cell["void"]) == (cell["model"] != "fake:good"), cell["id"]


def test_lost_updates_are_counted_and_void(tmp_path):
    path = tmp_path / "m.ini"
    path.write_text(
        "[run]\nreps = 1\nsamples = 1\nwarmup = 0\n[shr_counter]\nmodels = promise_loop:await promise_loop:then interp\n"
        "workers = 2\nops = 4\nadds = 50\nlock = 0 1\n"
    )
    done = gilbench("run", path, "-o", tmp_path / "out")
    assert done.returncode == 6, done.stderr
    cells = {(cell["model"], cell["params"]["lock"]): cell for cell in results(tmp_path)["benchmarks"]}
    lost = cells["promise_loop:await", "0"]["void"]
    assert lost == "lost updates: 100 of what the workers share"  # two take turns, and each overwrites what the other wrote
    assert [cells["promise_loop:await", "1"]["void"], cells["promise_loop:then", "0"]["void"]] == ["", ""]
    assert "interpreters share no objects" in cells["interp", "1"]["not_run"]


@pytest.mark.parametrize("how", ["hang", "hang_early"])
def test_a_child_that_hangs_is_ended_and_leaves_nothing(tmp_path, how):
    done = run(tmp_path, models=f"fake:{how}", reps=1, timeout=0.3)
    assert done.returncode == 1
    assert "the adapter was silent for 0.3 s" in results(tmp_path)["benchmarks"][0]["void"]
    assert not processes_of(tmp_path, f"fake:{how}")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: nowhere to go unpinned")
def test_an_unpinned_child_is_refused(tmp_path):
    done = run(tmp_path, models="fake:unpinned", reps=1)
    assert done.returncode == 6
    assert "affinity: the adapter may run on cores" in results(tmp_path)["benchmarks"][0]["void"]


def test_a_store_that_dies_voids_the_rep_and_names_the_store(tmp_path):
    path = tmp_path / "m.ini"
    path.write_text(
        "[run]\nreps = 1\n[io_employee]\nmodels = promise:await\nconcurrency = 4\nops = 3000\ndelay_us = 5000\nsamples = 50\n"
        "[cpu_queens]\nmodels = fake:good\nworkers = 1\nops = 20\n"
    )
    env = {**os.environ, "PYTHON": sys.executable}
    command = [GILBENCH, "run", path, "-o", tmp_path / "out"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    victim = wait_for(lambda: processes_of_child(child.pid, "/store"))
    time.sleep(0.3)
    os.kill(victim, signal.SIGKILL)
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == 1
    employee, queens = results(tmp_path)["benchmarks"]
    assert "the store was killed by signal 9" in employee["void"]
    assert queens["void"] == ""


# ---- What goes wrong in what is asked for

USAGE = [
    (["run", "no-such-matrix"], 2, "no matrix 'no-such-matrix'"),
    (["run", "smoke", "extra"], 2, "'extra' is too much"),
    (["run", "--reps", "0"], 2, "--reps: a whole number of 1 or more expected, not '0'"),
    (["run", "--seed", "x"], 2, "--seed"),
    (["run", "--timeout", "-1"], 2, "--timeout"),
    (["run", "--progress", "loud"], 2, "--progress"),
    (["run", "smoke", "--store", "mongo"], 2, "unknown store 'mongo'; there are: embedded redis"),
    (["run", "--python", "/no/such/python"], 1, "/no/such/python"),
    (["run", "--resume", "/no/such/run"], 2, "cannot read /no/such/run/journal.jsonl"),
    (["frob"], 2, "unknown verb 'frob'"),
    ([], 2, "usage: gilbench VERB"),
    (["plot", "/no/such/run"], 2, "no such run"),
    (["report", "/no/such/run"], 2, "no such run"),
    (["list", "--nope"], 2, "unrecognized option '--nope'"),
]


@pytest.mark.parametrize("args, code, message", USAGE)
def test_usage_errors_say_what_and_what_to_do(args, code, message):
    done = gilbench(*args)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr


MATRICES = [
    ("[cpu_queens]\nmodels = threads goroutines\nops = 1\n", ":2:18: unknown model 'goroutines'; there are: serial threads "),
    ("[cpu_chess]\nmodels = serial\nops = 1\n", ":1:2: unknown workload 'cpu_chess'; there are: cpu_fib"),
    ("[cpu_queens]\nmodels serial\n", ":2:1: 'key = value' or '[section]' expected"),
    ("[io_echo]\nmodels = serial\nops = 1\n", ":2:10: serial does not run server workloads"),
    ("[cpu_sha256]\nmodels = promise:native\nops = 1\n", ":2:10: promise:native does not run cpu_sha256; of its variants runs: "),
    ("[io_echo]\nmodels = promise:process\nops = 1\n", ":2:10: promise:process does not run io_echo"),
    ("[io_echo]\nmodels = threads\ncores = 4096\nops = 1\n", "asks for 4096 cores; this process may use"),
]


@pytest.mark.parametrize("text, message", MATRICES)
def test_a_wrong_matrix_is_refused_with_its_place(tmp_path, text, message):
    path = tmp_path / "wrong.ini"
    path.write_text(text)
    done = gilbench("run", path, "-o", tmp_path / "out")
    assert done.returncode == 2 and message in done.stderr


def test_nothing_to_run_is_77(tmp_path):
    assert run(tmp_path, "--only", "no/such/*").returncode == 77


def test_a_model_that_cannot_run_is_reported_and_required_on_request(tmp_path):
    home = tmp_path / "home"
    shutil.copytree(os.path.join(HOME, "runners"), home / "runners")
    models = home / "runners" / "adapters" / "models.ini"
    models.write_text(models.read_text() + "\n[ghost]\ncommand = true\nlanguage = python\nkinds = cpu\nneeds = no_such_module\n")
    env = {"GILBENCH_HOME": str(home)}
    path = matrix(tmp_path, "ghost fake:good", reps=1)
    done = gilbench("run", path, "-o", tmp_path / "out", env=env)
    assert done.returncode == 0
    assert "NOT RUN: no_such_module does not import" in done.stdout
    assert gilbench("run", path, "-o", tmp_path / "out2", "--require", env=env).returncode == 1


def test_a_results_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    done = gilbench("run", matrix(tmp_path), "-o", tmp_path / "file" / "out")
    assert done.returncode == 1 and "cannot make the folder" in done.stderr and "-o" in done.stderr


def test_a_folder_that_has_a_run_is_not_overwritten(tmp_path):
    run(tmp_path)
    before = (tmp_path / "out" / "journal.jsonl").read_bytes()
    done = run(tmp_path)
    assert done.returncode == 2 and "--resume" in done.stderr
    assert (tmp_path / "out" / "journal.jsonl").read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_an_error_and_keeps_what_was_finished(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        done = gilbench("run", matrix(tmp_path, reps=200), "-o", disk / "out")
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        lines = (disk / "out" / "journal.jsonl").read_text().splitlines()
        assert len(lines) > 3 and all(json.loads(line) for line in lines)
    finally:
        subprocess.run(["umount", "-l", str(disk)])


# ---- Interrupts


def processes_of(folder, word):
    """Command lines of living processes that contain the word."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if word in line and BUILD in line and "gilbench run" not in line:
            found.append(line)
    return found


def processes_of_child(pid, word):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            for child in file.read().split():
                with open(f"/proc/{child}/cmdline") as cmdline:
                    if word in cmdline.read():
                        return int(child)
    except OSError:
        pass
    return None


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := condition():
            return result
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def start(folder, models="fake:slow fake:good", reps=4):
    env = {**os.environ, "PYTHON": sys.executable, "CI": "1"}
    command = [GILBENCH, "run", str(matrix(folder, models, reps)), "-o", str(folder / "out")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def wait_for_lines(folder, count):
    path = folder / "out" / "journal.jsonl"
    wait_for(lambda: path.exists() and path.read_bytes().count(b"\n") >= count)


def finished(folder):
    return sorted((line["cell"], line["rep"]["rep"]) for line in journal(folder)[1:] if line["type"] == "rep")


WHOLE_PLAN = sorted((f"cpu_queens/fake:{how}/workers=1,ops=20", rep) for how in ("slow", "good") for rep in range(4))


def test_sigint_finishes_the_sample_writes_and_can_be_resumed(tmp_path):
    child = start(tmp_path)
    wait_for_lines(tmp_path, 3)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=30)
    assert child.returncode == 130
    assert f"gilbench run --resume {tmp_path / 'out'}" in stderr
    assert results(tmp_path)["interrupted"] is True
    before = finished(tmp_path)
    assert 0 < len(before) < len(WHOLE_PLAN)
    done = gilbench("run", "--resume", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert finished(tmp_path) == WHOLE_PLAN
    assert results(tmp_path)["interrupted"] is False


def test_sigint_twice_stops_at_once_and_leaves_no_process(tmp_path):
    child = start(tmp_path, models="fake:hang", reps=1)
    wait_for(lambda: processes_of(tmp_path, "fake:hang"))
    time.sleep(0.1)
    for _ in range(2):
        child.send_signal(signal.SIGINT)
        time.sleep(0.1)
    child.communicate(timeout=10)
    assert child.returncode == 130
    assert not processes_of(tmp_path, "fake:hang")


def test_sigkill_at_any_time_leaves_a_journal_that_parses_and_resumes(tmp_path):
    rng = random.Random(6)
    child = start(tmp_path)
    wait_for_lines(tmp_path, 1)
    for _ in range(6):
        time.sleep(rng.random() * 0.25)
        child.kill()
        child.communicate()
        text = (tmp_path / "out" / "journal.jsonl").read_bytes()
        assert all(json.loads(line) for line in text.split(b"\n")[:-1])
        env = {**os.environ, "PYTHON": sys.executable}
        child = subprocess.Popen([GILBENCH, "run", "--resume", tmp_path / "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    child.communicate(timeout=60)
    assert child.returncode == 0
    assert finished(tmp_path) == WHOLE_PLAN
    wait_for(lambda: not processes_of(tmp_path, "fake:slow"))


def test_a_torn_last_line_is_dropped_by_resume(tmp_path):
    run(tmp_path, models="fake:good fake:slow", reps=4)
    path = tmp_path / "out" / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-100])
    done = gilbench("run", "--resume", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert finished(tmp_path) == WHOLE_PLAN


def test_resume_with_another_interpreter_is_refused(tmp_path):
    run(tmp_path, reps=1)
    path = tmp_path / "out" / "journal.jsonl"
    text = path.read_text()
    version = "cpython-" + sys.version.split()[0]
    path.write_text(text.replace(version, "cpython-3.99.0"))
    done = gilbench("run", "--resume", tmp_path / "out")
    assert done.returncode == 2 and "was begun with cpython-3.99.0" in done.stderr


# ---- Plots and report


def test_plots_and_report_of_a_run(tmp_path):
    run(tmp_path, models="fake:good fake:bad_digest", reps=2)
    plotted = gilbench("plot", tmp_path / "out")
    assert plotted.returncode == 0, plotted.stderr
    for kind in ("svg", "png", "dat"):
        assert (tmp_path / "out" / "plots" / f"speedup-cpu_queens.{kind}").stat().st_size > 100 or kind == "dat"
    dat = (tmp_path / "out" / "plots" / "speedup-cpu_queens.dat").read_text()
    assert dat == '"fake:good"\n1 1 1 1\n\n\n"VOID"\n1\n'
    reported = gilbench("report", tmp_path / "out")
    assert reported.returncode == 0, reported.stderr
    report = (tmp_path / "out" / "report.md").read_text()
    order = ["## Summary", "## Pictures", "## What was in force", "## Machine and build", "## To repeat it"]
    assert [line for line in report.splitlines() if line.startswith("## ")] == order
    assert "VOID: checksum" in report and "speedup-cpu_queens.svg" in report and "--seed 42" in report


def test_what_has_no_point_is_not_drawn(tmp_path):
    run(tmp_path, models="fake:crash", reps=1)
    (tmp_path / "out" / "plots").mkdir()
    (tmp_path / "out" / "plots" / "speedup-cpu_queens.dat").write_text("of an earlier version, which draws without points\n")
    plotted = gilbench("plot", tmp_path / "out")
    assert plotted.returncode == 0, plotted.stderr
    assert not os.listdir(tmp_path / "out" / "plots")


def test_plot_without_gnuplot_names_the_package(tmp_path):
    run(tmp_path, reps=1)
    done = gilbench("plot", tmp_path / "out", env={"PATH": ""})
    assert done.returncode == 1 and "gnuplot is not installed (package gnuplot-nox)" in done.stderr
    assert (tmp_path / "out" / "plots" / "speedup-cpu_queens.dat").exists()


def test_the_cpu_time_of_processes_that_ended_in_a_sample_is_counted(tmp_path):
    """An interpreter that starts needs milliseconds; its parent, which only waits for it, a fraction of one."""
    path = tmp_path / "m.ini"
    path.write_text("[run]\nreps = 1\nwarmup = 0\n[cpu_grain]\nmodels = procs:cold serial\nsteps = 0\nops = 20\n")
    done = gilbench("run", path, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    cold, serial = (cell["reps"][0]["samples"][0]["usage"] for cell in results(tmp_path)["benchmarks"])
    assert cold["cpu_ns"] > 20 * 2_000_000
    assert serial["cpu_ns"] < cold["cpu_ns"]
